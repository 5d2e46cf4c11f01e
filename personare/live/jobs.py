"""Sound files that are animated for others: each a job with a folder of its own, a place in the queue and an end.

What makes a result is given by the caller; it is run on a thread and tells its progress, and with each word of progress
it is asked whether it may go on: a job that was cancelled, takes too long or has too much sound ends there.
"""

import asyncio
import logging
import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from personare.arrays import checked_number
from personare.errors import PersonareError
from personare.live.prometheus import Histogram
from personare.live.voices import BusyError, LimitError

# Progress that is closer than this is not passed on, seconds.
_LEAST_GAP_S = 0.1
# A job that says nothing is given up so long after its time was over, seconds; its thread is free when it returns.
_GRACE_S = 5.0


class LateError(PersonareError):
    """Something took longer than the server allows."""


class SlowError(PersonareError):
    """A client kept the server waiting for longer than allowed."""


class CancelledJob(PersonareError):
    """A job was cancelled by the one who asked for it."""


@dataclass(frozen=True)
class JobLimits:
    """What the service for files allows.

    Args:
        body_bytes: size of one upload.
        sound_s: seconds of sound in one file.
        wall_s: seconds that an upload may take, and so long again computing.
        idle_s: seconds without a byte read or written, until a connection is ended.
        jobs: that are received, wait or run at the same time.
        kept: results that wait to be fetched; the oldest goes first.
        kept_s: seconds until a result that nobody fetched is deleted.
    """

    body_bytes: int = 64 << 20
    sound_s: float = 600.0
    wall_s: float = 600.0
    idle_s: float = 30.0
    jobs: int = 16
    kept: int = 64
    kept_s: float = 600.0

    def __post_init__(self):
        for name in ("body_bytes", "sound_s", "wall_s", "idle_s", "jobs", "kept", "kept_s"):
            checked_number(name, getattr(self, name), "(a limit)")


class Job:
    """One file to animate.

    Attributes:
        id: that nobody can guess.
        order: what was asked for, handed on to the function that makes the result; None before the job is started.
        folder, sound, result: paths of its files: all, the upload, the result.
        state: "receiving", "waiting", "working", "done", "failed" or "cancelled".
        stage, value: what is done, and the part of it, 0..1 or None.
        error: what went wrong, or None.
        warning: what is wrong with its sound, though it can be used; or None.
        heard_s: seconds of its sound that were computed.
        stopped: whether it has to end.
    """

    def __init__(self, jobs):
        self.id, self._jobs = secrets.token_urlsafe(16), jobs
        self.folder = Path(tempfile.mkdtemp(dir=jobs.folder))
        self.sound, self.order, self.result = self.folder / "sound", None, None
        self.state, self.stage, self.value, self.error = "receiving", "", None, None
        self.warning, self.heard_s, self.stopped = None, 0.0, False
        self._deadline, self._told_s, self._timers = float("inf"), 0.0, []
        self._news, self._loop = asyncio.Event(), asyncio.get_running_loop()

    @property
    def ended(self):
        """Whether nothing will change any more."""
        return self.state in ("done", "failed", "cancelled")

    def news(self):
        """What to await until something has changed after this call."""
        return self._news.wait()

    async def end(self):
        """Wait until the job has ended.

        Raises:
            PersonareError: what went wrong.
        """
        while not self.ended:
            await self.news()
        if self.error is not None:
            raise self.error

    def said(self):
        """State as plain data."""
        told = {"id": self.id, "state": self.state, "stage": self.stage, "value": self.value}
        told |= {} if self.warning is None else {"warning": self.warning}
        return told if self.error is None else {**told, "message": str(self.error)}

    def change(self, **values):
        """Set attributes, and wake those who wait for news; on the loop's thread."""
        if not self.ended:
            for name, value in values.items():
                setattr(self, name, value)
            news, self._news = self._news, asyncio.Event()
            news.set()

    def begin(self):
        """Say that a thread works on it now."""
        limit_s = self._jobs.limits.wall_s
        self._deadline = time.monotonic() + limit_s
        self.call(self.later, limit_s + _GRACE_S, self._jobs.finish, self, self._late())
        self.call(lambda: self.change(state="working"))

    def later(self, seconds, work, *arguments):
        """Run work(*arguments) after a while, unless forget() comes first; on the loop's thread."""
        self._timers.append(self._loop.call_later(seconds, work, *arguments))

    def forget(self):
        """Drop what was to be done later."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def progress(self, stage):
        """A progress(done, total) callback for one stage; it raises where the job may not go on."""
        def update(done, total):
            now_s, limits = time.monotonic(), self._jobs.limits
            if self.stopped:
                raise CancelledJob("job: cancelled")
            if now_s > self._deadline:
                raise self._late()
            if stage == "listen":
                self.heard_s = done
                if max(done, total or 0) > limits.sound_s:
                    raise LimitError(f"sound: expected at most {limits.sound_s:g} s, got more; cut it in pieces")
            if now_s - self._told_s > _LEAST_GAP_S or done == total:
                self._told_s = now_s
                value = round(min(done / total, 1.0), 4) if total else None
                self.call(lambda: self.change(stage=stage, value=value))

        return update

    def _late(self):
        return LateError(f"job: expected an end within {self._jobs.limits.wall_s:g} s, got none; send shorter sound or "
                         "ask for smaller pictures")

    def call(self, work, *arguments):
        """Run work(*arguments) on the loop's thread, later."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *arguments)


class Jobs:
    """The jobs of one server.

    Args:
        make: make(sound path, result path, order, stage -> progress callback) writes the result, on a thread.
        limits: JobLimits.
        threads: jobs that are computed at the same time.

    Attributes:
        counts: name -> number, for metrics: jobs, refused, done, failed, cancelled, sound_bytes, sound_ms, work_ms.
        spent: Histogram of seconds from the end of an upload to the end of its job.
    """

    def __init__(self, make, *, limits=None, threads=2):
        self._make, self.limits = make, limits or JobLimits()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="personare-job")
        self._home = tempfile.TemporaryDirectory(prefix="personare-jobs-", ignore_cleanup_errors=True)
        self.folder, self.counts, self._held = Path(self._home.name), Counter(), {}
        self.spent, self._working = Histogram(), threading.local()

    def __getitem__(self, key):
        return self._held[key]

    def __contains__(self, key):
        return key in self._held

    def states(self):
        """Counter of states."""
        return Counter(job.state for job in self._held.values())

    def open(self):
        """A new Job that waits for its sound.

        Raises:
            BusyError: as many as allowed are not done yet.
        """
        if sum(not job.ended for job in self._held.values()) >= self.limits.jobs:
            self.counts["refused"] += 1
            raise BusyError(f"jobs: expected at most {self.limits.jobs} at a time, got one more; try again later")
        job = Job(self)
        self.counts["jobs"] += 1
        self._held[job.id] = job
        return job

    def start(self, job, order, name):
        """Put a job whose sound is there into the queue.

        Args:
            job: Job.
            order: what to make of it.
            name: file name of the result.
        """
        job.order, job.result = order, job.folder / name
        job.change(state="waiting")
        self.counts["sound_bytes"] += job.sound.stat().st_size
        self._pool.submit(self._work, job, time.monotonic())

    def finish(self, job, error=None):
        """Say how a job ended, once; on the loop's thread."""
        if job.ended:
            return
        state = "done" if error is None else "cancelled" if isinstance(error, CancelledJob) else "failed"
        job.stopped = True
        self.counts[state] += 1
        job.change(state=state, error=error)
        job.forget()
        for old in [job for job in self._held.values() if job.ended][:-int(self.limits.kept)]:
            self.drop(old)
        if job.id in self._held:
            job.later(self.limits.kept_s, self.drop, job)

    def drop(self, job):
        """Cancel a job where it is not done, and delete its files."""
        self._held.pop(job.id, None)
        self.finish(job, CancelledJob("job: cancelled"))
        job.forget()
        shutil.rmtree(job.folder, ignore_errors=True)

    def warn(self, message):
        """Keep a warning for the client of the job that the calling thread works on; whether there is one."""
        job = getattr(self._working, "job", None)
        if job is None:
            return False
        job.warning = _told(str(message), job.folder)
        return True

    def close(self):
        """Cancel everything, wait for the threads and delete all files."""
        for job in self._held.values():
            job.stopped = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._held.clear()
        self._home.cleanup()

    def _work(self, job, since):
        begin, error, self._working.job = time.monotonic(), None, job
        try:
            if not job.stopped:
                job.begin()
                self._make(job.sound, job.result, job.order, job.progress)
        except PersonareError as wrong:
            wrong.args = (_told(str(wrong), job.folder),)
            error = wrong
        except Exception:  # one job's trouble must not end the server
            error = PersonareError("job: the server failed; its log says why")
            if not job.stopped:
                logging.getLogger("personare.live.jobs").exception("job failed")
        now, self._working.job = time.monotonic(), None
        job.call(self._worked, job, error, now - begin, now - since)

    def _worked(self, job, error, spent_s, waited_s):
        self.counts["work_ms"] += round(1000 * spent_s)
        self.counts["sound_ms"] += round(1000 * job.heard_s)
        self.spent.observe(waited_s)
        self.finish(job, error)
        if job.id in self._held:
            job.sound.unlink(missing_ok=True)
        else:
            shutil.rmtree(job.folder, ignore_errors=True)


def _told(text, folder):
    """A message that tells nothing of where the server keeps its files."""
    return text.replace(f"{folder}/", "").replace(str(folder), "the job").replace(str(Path.home()), "~")
