"""The training loop of portraits: batches, a judge's step and the networks' step, checkpoints, a bundle at the end.

Item i of step s is drawn from (seed, s, i) alone and a checkpoint holds all there is, so a run that was stopped goes on
as if nothing had been.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from personare.errors import InputError, OutputError
from personare.learn.portrait_data import PortraitData
from personare.learn.portrait_export import portrait_bundle
from personare.learn.portrait_tasks import task_class
from personare.learn.recipes import options_of
from personare.store import CARD, Bundle, atomic_path, ensure_folder

CHECKPOINT = "last.pt"
# Seconds after which a checkpoint is written though few steps were done.
SAVE_S = 300
_BETAS = (0.5, 0.999)


@dataclass(frozen=True)
class PortraitTraining:
    """How long and how fast to learn; 0 takes what was published for the method.

    Args:
        steps: batches in all.
        batch_size: items in a batch.
        learning_rate: at first.
        minutes: stop after so long; 0 for no limit.
        save_every: steps between checkpoints; there is one every five minutes besides.
        device: of torch, "cpu" or "cuda".
        threads: of torch on the processor.
        seed: of weights and items.
    """

    steps: int = 0
    batch_size: int = 0
    learning_rate: float = 0.0
    minutes: float = 0.0
    save_every: int = 500
    device: str = "cpu"
    threads: int = 1
    seed: int = 0


@dataclass(frozen=True)
class PortraitLearned:
    """What came of it.

    Args:
        bundle: store.Bundle.
        losses: mean loss of every hundredth of the steps.
        errors: mean distance of colours from the truth in these, 0..255.
        steps: done in all.
    """

    bundle: Bundle
    losses: list
    errors: list
    steps: int


def learn_portrait(method, data, out, *, options=None, training=None, fresh=False, progress=None, tell=None):
    """Train networks that draw people and write a bundle of them.

    Args:
        method: name in portrait_tasks.TASKS.
        data: folder of clips or of a database, or a PortraitData.
        out: folder of the bundle; what is needed to go on is kept in OUT.learning.
        options: of the task, an instance or a dict of names and values.
        training: PortraitTraining.
        fresh: begin anew where an earlier run could be gone on with.
        progress: called with (steps done, steps in all).
        tell: called a hundred times with (step, mean loss since, mean distance of colours from the truth, 0..255).

    Returns:
        PortraitLearned.

    Raises:
        InputError: unknown method or option, bad data, an earlier run with other settings, or a loss that is no number.
        OutputError: something else is at `out`.
    """
    out, training = Path(out), training or PortraitTraining()
    if out.exists() and not (out / CARD).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(f"{out}: something else is there; choose another name for the bundle")
    kind = task_class(method)
    task = kind(options if isinstance(options, kind.options_type) else options_of(kind.options_type, options or {}))
    data = data if isinstance(data, PortraitData) else PortraitData(data)
    torch.set_num_threads(training.threads)
    torch.manual_seed(training.seed)
    run = Run(task, data, training)
    home = out.with_name(out.name + ".learning")
    ensure_folder(home)
    if (home / CHECKPOINT).is_file() and not fresh:
        run.load(home / CHECKPOINT)
    run.go(home / CHECKPOINT, progress=progress, tell=tell)
    first = data.clip(data.names[0])
    bundle = portrait_bundle(out, task, run.networks, size=first.pictures.shape[2:0:-1], layout=data.layout)
    return PortraitLearned(bundle, run.losses, run.errors, run.step)


class Run:
    """A task while it is learned.

    Args:
        task: portrait_tasks.Task.
        data: PortraitData.
        training: PortraitTraining.
    """

    def __init__(self, task, data, training):
        self.task, self.data, self.training = task, data, training
        self.schedule = task.schedule
        self.steps = training.steps or self.schedule.steps
        self.size = training.batch_size or self.schedule.batch_size
        self.networks = _placed(task.networks(data), training.device).train()
        if task.eyes is not None:
            task.eyes.to(training.device)
        judge = list(self.networks["judge"].parameters()) if "judge" in self.networks else []
        judged = {id(value) for value in judge}
        rest = [value for value in self.networks.parameters() if id(value) not in judged]
        self.optimisers = {"rest": torch.optim.Adam(rest, betas=_BETAS)}
        if judge:
            self.optimisers["judge"] = torch.optim.Adam(judge, betas=_BETAS)
        self.step, self.losses, self.errors, self._since = 0, [], [], []

    def go(self, checkpoint=None, *, progress=None, tell=None):
        """Learn until all steps are done or the time is up.

        Args:
            checkpoint: Path to save to now and then, and at the end; None for none.
            progress, tell: see learn_portrait.
        """
        begin, part = time.monotonic(), max(1, self.steps // 100)
        saved = begin
        while self.step < self.steps:
            if self.training.minutes and time.monotonic() - begin > 60 * self.training.minutes:
                if checkpoint:
                    self.save(checkpoint)
                break
            self._since.append(self._learned(self._batch()))
            self.step += 1
            if self.step % part == 0 or self.step == self.steps:
                loss, error = np.mean(self._since, axis=0).tolist()
                self.losses.append(loss)
                self.errors.append(error)
                self._since.clear()
                if tell:
                    tell(self.step, loss, error)
            late = time.monotonic() - saved > SAVE_S
            if checkpoint and (late or self.step % self.training.save_every == 0 or self.step == self.steps):
                self.save(checkpoint)
                saved = time.monotonic()
            if progress:
                progress(self.step, self.steps)
        self.networks.eval()

    def _batch(self):
        """dict of tensors of a step's items."""
        items = []
        for i in range(self.size):
            rng = np.random.default_rng((self.training.seed, self.step, i))
            name = self.data.names[rng.integers(len(self.data))]
            items.append(self.task.item(self.task.checked(self.data.clip(name)), rng))
        shapes = {tuple(item["picture"].shape) for item in items}
        if len(shapes) > 1:
            raise InputError("clips", expected="pictures of one size", got=" and ".join(map(str, sorted(shapes))),
                             remedy="make all clips of one size")
        h, w = items[0]["picture"].shape[-2:]
        step = self.task.divisor
        if h % step or w % step:
            raise InputError("clips", expected=f"pictures with sides divisible by {step}", got=f"{w} x {h}",
                             remedy="make clips of such a size")
        return {name: torch.as_tensor(np.stack([item[name] for item in items])).to(self.training.device)
                for name in items[0]}

    def _learned(self, batch):
        """(loss, distance of colours) of a batch before the step on it."""
        rate = self.schedule.rate_at(self.step, self.steps)
        rate *= (self.training.learning_rate or self.schedule.learning_rate) / self.schedule.learning_rate
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
        made = self.task.make(self.networks, batch)
        if "judge" in self.optimisers:
            self._stepped("judge", self.task.judge_loss(self.networks, made, batch))
        ours, theirs = self.task.compared(made, batch)
        error = 127.5 * (ours.detach() - theirs).abs().mean().item()
        return self._stepped("rest", self.task.loss(self.networks, made, batch)), error

    def _stepped(self, name, loss):
        if not torch.isfinite(loss):
            raise InputError("learning", expected="a finite loss", got=f"{loss.item()} in step {self.step}",
                             remedy="lower --learning-rate")
        self.optimisers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimisers[name].step()
        return loss.item()

    def save(self, path):
        """Write all there is to a file."""
        state = {"step": self.step, "losses": self.losses, "errors": self.errors, "since": self._since,
                 "told": self._told(), "networks": self.networks.state_dict(), "chance": torch.get_rng_state(),
                 "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}}
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def load(self, path):
        """Go on from a file.

        Raises:
            InputError: it was learned with other settings.
        """
        state = torch.load(path, map_location=self.training.device, weights_only=True)
        if state["told"] != self._told():
            raise InputError(path, expected="the settings of the run that is gone on with", got=self._told(),
                             remedy="give the same ones, or --fresh")
        self.step, self.losses, self.errors, self._since = (state[name] for name in (
            "step", "losses", "errors", "since"))
        self.networks.load_state_dict(state["networks"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        torch.set_rng_state(state["chance"].cpu())

    def _told(self):
        """Settings that may not change on the way, as text."""
        return f"{self.task.name} {self.task.options} batch {self.size} seed {self.training.seed}"


def _placed(network, device):
    """A network on a device of torch.

    Raises:
        InputError: there is no such device.
    """
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise InputError("device", expected="cpu, or cuda on a machine that has it", got=device,
                         remedy="use cpu") from error
