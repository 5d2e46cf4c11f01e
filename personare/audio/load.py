"""Any recording -> mono sound, whole or as a stream of bounded memory."""

from contextlib import contextmanager

import numpy as np

from personare.audio.resampling import resample, resample_stream
from personare.audio.source import CHUNK_S, SoundWarning, Source
from personare.errors import InputError
from personare.types import Audio, AudioStream

__all__ = ["SoundWarning", "load", "open_stream", "resample", "resample_stream"]

# 2 GiB of float32, three hours at 48 kHz: above this load refuses, and open_stream goes on.
MOST_LOADED_SAMPLES = 2**29

# 120 dB above full scale: nobody's recording, and its energy would no longer fit float32.
LARGEST_SAMPLE = 1e6


def load(source):
    """Read a whole recording into memory.

    Reads WAV, FLAC, Ogg Vorbis, Opus, MP3, M4A and AAC, and the first sound track of a video file, whatever its
    suffix says. Sound time 0 is the first real sample: delay that an encoder added is taken off. In a file with
    pictures time 0 is its first picture: sound that starts later is preceded by silence, sound before it is cut.

    Args:
        source: path, or binary file object, which is read from its start and left open.

    Returns:
        Audio: mono (the average of all channels) at the file's own rate.

    Raises:
        InputError: the file cannot be read, holds no sound, has NaN in it, or is longer than 2^29 samples.

    Warns:
        SoundWarning: the file is damaged or ends early; what could be read is returned.
    """
    source = Source(source)
    with _open_reading(source) as (reading, chunks):
        samples = np.empty(0, np.float32)
        count = 0
        for chunk in chunks:
            if count + len(chunk) > MOST_LOADED_SAMPLES:
                hours = MOST_LOADED_SAMPLES / reading.rate_hz / 3600
                raise InputError(source.name, expected=f"at most {hours:.1f} hours of sound at {reading.rate_hz} Hz",
                                 got="more", remedy="read it with open_stream, or cut it")
            if count + len(chunk) > len(samples):
                # Growing in place by half keeps the peak near the sound's own size.
                samples.resize(max(count + len(chunk), len(samples) * 3 // 2), refcheck=False)
            samples[count:count + len(chunk)] = chunk
            count += len(chunk)
        samples.resize(count, refcheck=False)
        return Audio(samples, reading.rate_hz)


def open_stream(source, *, rate_hz=None):
    """Open a recording that is then read piece by piece, so that hours of it stay out of memory.

    Args:
        source: as for load. A file object serves one reading at a time and must stay open.
        rate_hz: sample rate of the result; default the file's own.

    Returns:
        AudioStream of the same samples as load() gives (and resample(), with rate_hz), in chunks of about four
        seconds. Each call of chunks() reads the file anew.

    Raises:
        InputError: as for load, here already if the beginning cannot be read, later for what comes later.
    """
    source = Source(source)
    with _open_reading(source) as (reading, chunks):
        next(chunks)

    def read_chunks():
        with _open_reading(source) as (_, chunks):
            yield from chunks

    stream = AudioStream(reading.rate_hz, read_chunks, reading.duration_s)
    return stream if rate_hz is None else resample_stream(stream, rate_hz)


@contextmanager
def _open_reading(source):
    """Yield (Reading, iterator of checked chunks) of a Source; everything is closed afterwards."""
    with source.open() as file:
        reading = _first_reading(file, source.name)
        try:
            yield reading, _chunks(reading, source.name)
        finally:
            reading.blocks.close()


def _first_reading(file, name):
    """The Reading of the first library that can decode the file."""
    from personare.audio import containers, soundfiles

    head = file.read(4096)
    if not head:
        raise InputError(name, expected="a sound or video file", got="an empty file",
                         remedy="record or export it again")
    # PyAV takes 0.18 s to import, soundfile 0.03 s, so soundfile comes first where it knows the format.
    for library in ([soundfiles] if soundfiles.is_known(head) else []) + [containers]:
        file.seek(0)
        reading = library.open_reading(file, name)
        if reading is not None:
            return reading
    raise InputError(name, expected="a sound or video file", got=_kind(head),
                     remedy="pass a recording, or export this one again, for example as .wav")


def _kind(head):
    """What the first bytes of an unreadable file look like, in words."""
    from personare.audio import soundfiles

    if soundfiles.is_known(head) or head.startswith((b"ID3", b"\x1aE\xdf\xa3", b"FLV")) or head[4:8] == b"ftyp":
        return "a damaged or incomplete one"
    try:
        # A character may be cut in two at the end.
        text = head.decode("utf-8", errors="strict" if len(head) < 4096 else "ignore")
    except UnicodeDecodeError:
        return "data of no known format"
    return "data of no known format" if "\0" in text else "text"


def _chunks(reading, name):
    """Join blocks into chunks of about CHUNK_S seconds, and refuse samples that are no sound."""
    wanted = int(CHUNK_S * reading.rate_hz)
    blocks, waiting, given = [], 0, 0
    for block in reading.blocks:
        blocks.append(block)
        waiting += len(block)
        if waiting >= wanted:
            yield _checked(blocks, name, given / reading.rate_hz, reading.rate_hz)
            given += waiting
            blocks, waiting = [], 0
    if waiting:
        yield _checked(blocks, name, given / reading.rate_hz, reading.rate_hz)
    elif not given:
        raise InputError(name, expected="some sound", got="0 samples", remedy="record or export it again")


def _checked(blocks, name, start_s, rate_hz):
    """Blocks as one array; start_s is its place in the recording."""
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    # NaN fails every comparison, so one pass finds it, infinity and absurd numbers.
    if not (samples.max() <= LARGEST_SAMPLE and samples.min() >= -LARGEST_SAMPLE):
        bad = int(np.argmin(np.abs(samples) <= LARGEST_SAMPLE))
        raise InputError(name, expected="finite samples around -1..1",
                         got=f"{samples[bad]:.3g} at {start_s + bad / rate_hz:.3f} s",
                         remedy="export it again from the program that made it, or as 16-bit")
    return np.ascontiguousarray(samples)
