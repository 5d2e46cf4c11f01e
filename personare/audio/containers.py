"""Sound of any container by PyAV (FFmpeg): MP3, M4A, AAC, WebM, and the sound of video files, at the right time."""

import warnings
from dataclasses import dataclass
from itertools import chain

import numpy as np

from personare.audio.source import Reading, SoundWarning, check_layout
from personare.errors import InputError

# Containers that hold sound or video themselves. Play lists, which may open other files or hosts, and formats
# that any text passes for are left out.
FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2,mp3,aac,loas,matroska,webm,ogg,wav,w64,flac,avi,mpegts,mpeg,mpegvideo,flv,asf,aiff,"
           "au,caf,amr,ac3,eac3,dts,mxf,nut,rm,ape,tta,wv,voc,gxf,dv,mpegtsraw,swf,3dostr,ircam,sox,oma,mpc,mpc8,spdif")

# Samples of silence that a codec adds in front, for containers that do not tell. MP3: LAME, the usual encoder, adds
# 576 and every decoder 529 (LAME's technical FAQ); layer II: its filter bank, 512 - 32 + 1; AC-3: the half of its
# transform that only overlaps. The same holds for the first block of AAC, whose length stands in the stream.
CODEC_DELAY = {"mp3": 576 + 529, "mp3float": 576 + 529, "mp2": 481, "mp2float": 481, "ac3": 256, "eac3": 256}
SILENT_FORMATS = ("mp3", "aac", "loas", "mpegts", "mpeg", "flv", "avi", "ac3", "eac3")

# Sound is moved where time stamps and samples differ by more than this (FFmpeg's aresample takes 0.1 s) and left
# alone below: time stamps in whole milliseconds, and clocks that drift, are not gaps.
GAP_S = 0.05
# A jump beyond these is a clock that was set anew, not a gap in the sound.
LONGEST_GAP_S = 3600.0
LONGEST_OVERLAP_S = 1.0

# FFmpeg's name of a sample format -> NumPy type, value of silence, full scale.
SAMPLE_FORMATS = {
    "u8": (np.uint8, 128, 2**7), "s16": (np.int16, 0, 2**15), "s32": (np.int32, 0, 2**31), "s64": (np.int64, 0, 2**63),
    "flt": (np.float32, 0, 1), "dbl": (np.float64, 0, 1),
}

# PyAV counts the planes of a frame up to the first empty one, and reads past the end where eight or more are in use.
MOST_PLANES = 7

MOST_RESTARTS = 100


def open_reading(file, name, *, known_errors=0):
    """Start to decode the first sound track of a seekable binary file.

    Time 0 is the first sample without the encoder's delay; in a file with pictures it is the first picture.

    Args:
        file, name: the file, and its name for messages.
        known_errors: damaged packets that another decoder has met in it.

    Returns:
        Reading, or None where FFmpeg does not know the format or finds nothing in it.

    Raises:
        InputError: no sound track, no decodable sound, or an absurd rate or channel count.
    """
    import av

    # Titles in no known encoding do not matter here; from version 19 on PyAV knows that without being told.
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        container = av.open(file, mode="r", options={"format_whitelist": FORMATS}, **lenient)
    except (av.FFmpegError, OSError, ValueError, OverflowError):
        return None
    try:
        if not len(container.streams):
            container.close()
            return None
        track = _Track.of(container, name)
        frames = _frames(container, track)
        first = next(frames, None)
        if first is None:
            raise InputError(name, expected="sound that can be decoded", got="none",
                             remedy="the file is damaged or has no samples; export it again")
        check_layout(name, rate_hz=first.sample_rate, channel_count=first.layout.nb_channels)
        track.start(first)
        track.errors += known_errors
    except BaseException:
        container.close()
        raise
    return Reading(first.sample_rate, track.duration_s, _blocks(container, track, first, frames))


@dataclass
class _Track:
    """The sound track that is read, and where its samples belong.

    Args:
        name: of the file, for messages.
        format: FFmpeg's name of the container.
        stream: PyAV stream.
        picture_s: time stamp of the first picture, seconds; None without pictures.
        rate_hz: samples a second, known after start().
        origin_s: time stamp of sound time 0, seconds, known after start().
        packets: packets so far.
        errors: damaged ones; those after the last good one, such as tags at the end, are still in late_errors.
    """

    name: str
    format: str
    stream: object
    picture_s: float | None
    rate_hz: int = 0
    origin_s: float = 0.0
    packets: int = 0
    errors: int = 0
    late_errors: int = 0

    @classmethod
    def of(cls, container, name):
        """The first sound track of an open container."""
        streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not streams:
            got = "a codec that cannot be decoded" if container.streams.audio else "a file without a sound track"
            raise InputError(name, expected="sound", got=got, remedy="pass a recording, or a video with sound")
        return cls(name, container.format.name, streams[0], _picture_s(container))

    def start(self, first):
        """Settle time 0 from the first decoded frame."""
        self.rate_hz = first.sample_rate
        begin_s = first.time if first.time is not None else 0.0
        delay_s = self._hidden_delay(first) / self.rate_hz
        if self.picture_s is None:
            self.origin_s = begin_s + delay_s
        else:
            # Where time stamps place sound and picture, they allow for the delay; AVI has none.
            self.origin_s = self.picture_s + (delay_s if self.format == "avi" else 0.0)
        if abs(begin_s - self.origin_s) > LONGEST_GAP_S:
            raise InputError(self.name, expected="sound and picture that start within an hour of each other",
                             got=f"{abs(begin_s - self.origin_s):.0f} s between them",
                             remedy="its time stamps are damaged; export it again")

    def _hidden_delay(self, first):
        """Samples of delay that the file does not tell of, so that FFmpeg left them in."""
        told = self.format not in SILENT_FORMATS or (self.format == "mp3" and self.stream.start_time)
        codec = self.stream.codec_context.name
        return 0 if told else first.samples if codec == "aac" else CODEC_DELAY.get(codec, 0)

    @property
    def duration_s(self):
        """Length as the container tells it, seconds, or None."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        container = self.stream.container
        return container.duration / 1e6 if container.duration else None

    @property
    def promised_count(self):
        """Samples that must come if the file is whole, or None where it only guesses."""
        exact = self.format in ("wav", "flac") or self.format.startswith("mov") or (
            self.format == "mp3" and self.stream.start_time)
        if not exact or not self.stream.duration:
            return None
        end_s = float(self.stream.duration * self.stream.time_base)
        if self.format.startswith("mov"):
            end_s += float((self.stream.start_time or 0) * self.stream.time_base) - self.origin_s
        return round(end_s * self.rate_hz)


def _picture_s(container):
    """Time stamp of the first picture in seconds; None without a moving picture (cover art is none)."""
    import av

    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return float((stream.start_time or 0) * stream.time_base)
    return None


def _frames(container, track):
    """Decoded frames; damaged packets are counted and passed over."""
    import av

    for _ in range(MOST_RESTARTS):
        try:
            for packet in container.demux(track.stream):
                track.packets += 1
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError):
                    track.late_errors += 1
                    continue
                if frames:
                    track.errors += track.late_errors
                    track.late_errors = 0
                yield from frames
            return
        except (av.FFmpegError, OSError):
            return
        except IndexError:
            # PyAV meets a track that its list lacks, as damage can make one up; reading can go on behind it.
            track.late_errors += 1


def _blocks(container, track, first, frames):
    """Mono blocks from sound time 0 on: gaps filled, overlaps cut, the encoder's padding dropped."""
    with container:
        done = 0
        promised = track.promised_count
        tail, tail_count, frame_count = [], 0, first.samples
        for block in _placed(track, first, frames):
            frame_count = max(frame_count, min(len(block), 2048))
            room = len(block) if promised is None else max(0, promised - done)
            if len(block) > room:
                tail.append(block[room:])
                tail_count += len(block) - room
                block = block[:room]
            done += len(block)
            if len(block):
                yield block
            if tail_count > frame_count:
                # More than padding: the promise was wrong.
                yield from tail
                done, promised, tail, tail_count = done + tail_count, None, [], 0
    _warn_of_damage(track, done, promised)


def _warn_of_damage(track, done, promised):
    done_s, promised_s = done / track.rate_hz, (promised or 0) / track.rate_hz
    if promised_s - done_s > 0.1:
        warnings.warn(f"{track.name}: the file ends early, after {done_s:.2f} of {promised_s:.2f} s; export or "
                      "download it again for the rest", SoundWarning, stacklevel=2)
    elif track.errors:
        warnings.warn(f"{track.name}: {track.errors} of {track.packets} packets of sound are damaged; the rest "
                      "was read", SoundWarning, stacklevel=2)


def _placed(track, first, frames):
    """Mono blocks from sound time 0 on, moved to where their time stamps say."""
    rate_hz = track.rate_hz
    given = 0  # Samples given so far: the place of the next one.
    expected = 0  # Where the time stamps put the next frame.
    shift = 0  # Samples the clock was set anew by.
    silence_left = int(LONGEST_GAP_S * rate_hz)
    for block, time_s in _mono_blocks(track, chain([first], frames)):
        if time_s is not None:
            expected = round((time_s - track.origin_s) * rate_hz) + shift
        gap = expected - given
        expected += len(block)
        if given and (gap > silence_left or gap < -LONGEST_OVERLAP_S * rate_hz):
            shift -= gap
            expected -= gap
        elif gap > 0 and (not given or gap > GAP_S * rate_hz):
            silence_left -= gap
            given += gap
            yield from _silence(gap, rate_hz)
        elif gap < 0 and (not given or gap < -GAP_S * rate_hz):
            block = block[-gap:]
        given += len(block)
        if len(block):
            yield block


def _silence(count, rate_hz):
    """count zeros, a second at a time."""
    for begin in range(0, count, rate_hz):
        yield np.zeros(min(rate_hz, count - begin), np.float32)


def _mono_blocks(track, frames):
    """(mono samples, time stamp in seconds or None) of each frame, all at the rate of the first."""
    import av

    converters = {}
    for frame in frames:
        channel_count = frame.layout.nb_channels
        planes_fit = channel_count <= MOST_PLANES or not frame.format.is_planar
        if frame.sample_rate == track.rate_hz and planes_fit:
            yield _mono(frame), frame.time
            continue
        check_layout(track.name, rate_hz=frame.sample_rate, channel_count=channel_count)
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if kind not in converters:
            converters[kind] = av.AudioResampler(format="flt", layout=frame.layout, rate=track.rate_hz)
        time_s = frame.time
        try:
            pieces = converters[kind].resample(frame)
        except (av.FFmpegError, ValueError):
            track.late_errors += 1
            continue
        for piece in pieces:
            yield _mono(piece), time_s
            time_s = None


def _mono(frame):
    """Average of the channels of a decoded frame, (n,) float32 in [-1, 1]."""
    dtype, silence, full_scale = SAMPLE_FORMATS[frame.format.name.removesuffix("p")]
    channel_count = frame.layout.nb_channels
    if frame.format.is_planar:
        samples = [np.frombuffer(plane, dtype, frame.samples) for plane in frame.planes[:channel_count]]
    else:
        samples = np.frombuffer(frame.planes[0], dtype, frame.samples * channel_count)
        samples = samples.reshape(-1, channel_count).T
    mono = samples[0] if channel_count == 1 else np.mean(samples, axis=0, dtype=np.float64)
    if full_scale != 1:
        mono = (mono - np.float64(silence)) / full_scale
    return mono.astype(np.float32)
