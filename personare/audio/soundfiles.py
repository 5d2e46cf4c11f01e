"""Sound files by soundfile (libsndfile): WAV, FLAC, Ogg Vorbis, Opus, AIFF, CAF, W64 and their kin."""

import warnings

import numpy as np

from personare.audio.source import CHUNK_S, Reading, SoundWarning, check_layout
from personare.errors import InputError

# Samples decoded together, over all channels: 2 MB of float32.
MOST_BLOCK_SAMPLES = 2**19

# First bytes of the containers libsndfile knows; MP3 is left to PyAV, which knows the encoder's delay.
MAGIC = (b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"fLaC", b"OggS", b".snd", b"caff", b"NIST", b"Creative")


def is_known(head):
    """Whether the first bytes of a file are those of a container libsndfile reads, without a picture in it."""
    return head.startswith(MAGIC) and b"theora" not in head[:1024]


def open_reading(file, name):
    """Start to decode a seekable binary file.

    Returns:
        Reading, or None where libsndfile cannot read the file or sees no samples in it.

    Raises:
        InputError: absurd rate or channel count.
    """
    import soundfile

    try:
        sound = soundfile.SoundFile(_QuietFile(file))
    except (soundfile.SoundFileError, TypeError, OSError):
        return None
    if sound.frames <= 0 or sound.subtype.startswith("MPEG"):
        sound.close()
        return None
    check_layout(name, rate_hz=sound.samplerate, channel_count=sound.channels)
    promised = max(sound.frames, _promised_wav_frames(file, sound))
    return Reading(sound.samplerate, sound.frames / sound.samplerate, _blocks(sound, file, name, promised))


class _QuietFile:
    """A file whose failures look like its end.

    libsndfile calls these from C, where an exception can only be printed; damaged headers make it seek to places
    before the start.
    """

    def __init__(self, file):
        self._file = file

    def seek(self, offset, whence=0):
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1

    def tell(self):
        return self._file.tell()

    def read(self, size=-1):
        try:
            return self._file.read(size)
        except (OSError, ValueError):
            return b""


def _blocks(sound, file, name, promised):
    """Mono blocks up to the end of the file, or to where it can be read."""
    import soundfile

    done = 0
    with sound:
        frame_count = min(int(CHUNK_S * sound.samplerate), MOST_BLOCK_SAMPLES // sound.channels)
        while True:
            try:
                frames = sound.read(frame_count, dtype="float32", always_2d=True)
            except soundfile.SoundFileError:
                # libsndfile gives nothing of a block with damage in it; FFmpeg passes over the damaged part.
                yield from _rest(file, name, done)
                return
            if not len(frames):
                break
            done += len(frames)
            yield _mono(frames)
    if done < promised:
        warnings.warn(f"{name}: the file ends early, after {done / sound.samplerate:.2f} of "
                      f"{promised / sound.samplerate:.2f} s; export or download it again for the rest",
                      SoundWarning, stacklevel=2)


def _rest(file, name, done):
    """What FFmpeg decodes of the file after its first `done` samples."""
    from personare.audio import containers

    file.seek(0)
    try:
        reading = containers.open_reading(file, name, known_errors=1)
    except InputError:
        return
    for block in reading.blocks if reading is not None else ():
        if done < len(block):
            yield block[done:]
        done = max(0, done - len(block))


def _mono(frames):
    """Average of the channels of (n, c) float32, (n,) float32."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    total = frames[:, 0] + frames[:, 1]
    for channel in range(2, frames.shape[1]):
        total += frames[:, channel]
    total *= np.float32(1.0 / frames.shape[1])
    return total


def _promised_wav_frames(file, sound):
    """Frames the header of a WAV promises, 0 where it promises none; libsndfile only tells what is there."""
    if sound.format not in ("WAV", "WAVEX"):
        return 0
    place = file.tell()
    try:
        frame_bytes, size = _wav_sizes(file)
    finally:
        file.seek(place)
    # Programs that write to a pipe leave 0, 2^31 - 1 or more there: the length was not known.
    return size // frame_bytes if frame_bytes and size < 0x7FFFF000 else 0


def _wav_sizes(file):
    """(bytes a frame, bytes of sound) as the chunks of a WAV claim."""
    file.seek(12)
    frame_bytes = 0
    for _ in range(100):
        header = file.read(8)
        if len(header) < 8:
            break
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            return frame_bytes, size
        if header[:4] == b"fmt ":
            frame_bytes = int.from_bytes(file.read(14)[12:14], "little")
            size -= 14
        file.seek(size + size % 2, 1)
    return frame_bytes, 0
