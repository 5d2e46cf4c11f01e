"""Sound that libsndfile decodes: values, channels, damaged headers."""

import io
import struct

import numpy as np
import pytest

from personare.audio.load import SoundWarning, load
from personare.errors import InputError

# Steps between neighbouring values of each sample type; A-law keeps five bits of a sample.
STEPS = {"PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-24, "FLOAT": 1e-9, "DOUBLE": 2**-24,
         "ALAW": 2**-5}


@pytest.mark.parametrize("subtype", STEPS)
def test_wav_of_every_depth(recordings, rng, subtype):
    sound = rng.uniform(-0.9, 0.9, 5000).astype(np.float32)
    audio = load(io.BytesIO(recordings.soundfile(sound, 11025, subtype=subtype)))
    assert audio.rate_hz == 11025
    assert audio.samples.dtype == np.float32
    np.testing.assert_allclose(audio.samples, sound, atol=STEPS[subtype])


@pytest.mark.parametrize(("format", "subtype"), [
    ("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16"), ("W64", "PCM_16"), ("RF64", "PCM_16"),
    ("CAF", "PCM_16"), ("AU", "PCM_16"), ("WAVEX", "PCM_16"),
])
def test_other_lossless_containers(recordings, rng, format, subtype):
    sound = rng.uniform(-0.9, 0.9, 5000).astype(np.float32)
    audio = load(io.BytesIO(recordings.soundfile(sound, 96000, format=format, subtype=subtype)))
    assert audio.rate_hz == 96000
    np.testing.assert_allclose(audio.samples, sound, atol=2**-15)


@pytest.mark.parametrize(("format", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")])
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_a_click_stays_where_it_was(recordings, format, subtype, rate_hz):
    sound = recordings.click(rate_hz)
    audio = load(io.BytesIO(recordings.soundfile(sound, rate_hz, format=format, subtype=subtype)))
    assert abs(recordings.click_time_s(audio) - round(0.777 * rate_hz) / rate_hz) < 5e-5
    assert len(audio.samples) == len(sound) * audio.rate_hz // rate_hz


@pytest.mark.parametrize("channel_count", [1, 2, 3, 6, 64])
def test_channels_are_averaged(recordings, rng, channel_count):
    sound = rng.uniform(-0.9, 0.9, (3000, channel_count)).astype(np.float32)
    audio = load(io.BytesIO(recordings.soundfile(sound, 16000, subtype="FLOAT")))
    np.testing.assert_allclose(audio.samples, sound.mean(axis=1), atol=1e-6)


def header_changed(wav, changes):
    """A WAV of the plain 44-byte header with (place, struct format, value) put in."""
    wav = bytearray(wav)
    for place, format, value in changes:
        struct.pack_into(format, wav, place, value)
    return io.BytesIO(bytes(wav))


RATE, CHANNELS, FRAME_BYTES, RIFF_SIZE, DATA_SIZE = 24, 22, 32, 4, 40


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_is_whole(recordings, size):
    wav = recordings.soundfile(recordings.click(16000), 16000)
    audio = load(header_changed(wav, [(RIFF_SIZE, "<I", size), (DATA_SIZE, "<I", size)]))
    assert len(audio.samples) == round(2.03 * 16000)


def test_a_wav_that_ends_early_gives_what_is_there(recordings):
    wav = recordings.soundfile(recordings.click(16000), 16000)
    with pytest.warns(SoundWarning, match=r"sound: the file ends early, after 1.00 of 2.03 s; export or download it"):
        audio = load(io.BytesIO(wav[:44 + 32000]))
    assert len(audio.samples) == 16000
    with pytest.warns(SoundWarning, match=r"after 2.03 of 33554.43 s"):
        audio = load(header_changed(wav, [(DATA_SIZE, "<I", 0x3FFFFFF0)]))
    assert len(audio.samples) == round(2.03 * 16000)


@pytest.mark.parametrize(("changes", "got"), [
    ([(RATE, "<I", 0)], "a damaged or incomplete one"),
    ([(RATE, "<I", 1)], "1 Hz"),
    ([(RATE, "<I", 0x7FFFFFFF)], "2147483647 Hz"),
    ([(CHANNELS, "<H", 1000), (FRAME_BYTES, "<H", 2000)], "1000"),
    ([(CHANNELS, "<H", 0)], "none"),
    ([(CHANNELS, "<H", 0xFFFF), (FRAME_BYTES, "<H", 0xFFFE)], "none"),
])
def test_absurd_headers_are_refused(recordings, changes, got):
    wav = recordings.soundfile(recordings.click(16000), 16000)
    with pytest.raises(InputError) as caught:
        load(header_changed(wav, changes))
    assert caught.value.got == got


def test_flac_with_a_hole_keeps_the_rest_in_place(recordings, rng):
    sound = 0.1 * rng.standard_normal(16000 * 40).astype(np.float32)
    flac = bytearray(recordings.soundfile(sound, 16000, format="FLAC"))
    flac[len(flac) // 2:len(flac) // 2 + 500] = bytes(500)
    with pytest.warns(SoundWarning, match="packets of sound are damaged; the rest was read"):
        audio = load(io.BytesIO(bytes(flac)))
    for part in (slice(0, 16000 * 19), slice(16000 * 21, None)):
        np.testing.assert_allclose(audio.samples[part], sound[part], atol=2**-15)
