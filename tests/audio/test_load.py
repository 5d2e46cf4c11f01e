"""Recordings load whole and as a stream, and what cannot be used is refused in one clear line."""

import io
import subprocess
import sys
import tracemalloc

import av
import numpy as np
import pytest

from personare.audio import load as module
from personare.audio.load import SoundWarning, load, open_stream, resample
from personare.errors import InputError


def kinds(recordings, rate_hz=24000):
    """One recording of every decoder's path, 9 s each, so that there are several chunks."""
    sound = recordings.click(rate_hz, at_s=8.5, duration_s=9.0)
    return {
        "wav": recordings.soundfile(sound, rate_hz),
        "opus": recordings.soundfile(sound, rate_hz, format="OGG", subtype="OPUS"),
        "mp3": recordings.container(sound, rate_hz, format="mp3", codec="libmp3lame"),
        "mp4": recordings.container(sound, rate_hz, format="mp4", codec="aac", picture="mpeg4"),
    }


@pytest.mark.parametrize("kind", ["wav", "opus", "mp3", "mp4"])
def test_a_stream_gives_what_load_gives_each_time(recordings, kind):
    content = kinds(recordings)[kind]
    audio = load(io.BytesIO(content))
    stream = open_stream(io.BytesIO(content))
    assert stream.rate_hz == audio.rate_hz
    assert abs(stream.duration_s - audio.duration_s) < 0.05
    for _ in range(2):
        chunks = list(stream.chunks())
        assert all(0 < len(chunk) <= 5 * stream.rate_hz for chunk in chunks)
        np.testing.assert_array_equal(np.concatenate(chunks), audio.samples)
    resampled = open_stream(io.BytesIO(content), rate_hz=16000)
    assert resampled.rate_hz == 16000
    np.testing.assert_array_equal(np.concatenate(list(resampled.chunks())), resample(audio, 16000).samples)


@pytest.mark.parametrize("kind", ["wav", "opus", "mp3", "mp4"])
@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".txt", ""])
def test_the_suffix_does_not_matter(recordings, tmp_path, kind, suffix):
    path = tmp_path / f"sound{suffix}"
    path.write_bytes(kinds(recordings)[kind])
    assert abs(recordings.click_time_s(load(path)) - 8.5) < 1e-3


def test_an_abandoned_stream_closes_its_file(recordings, tmp_path):
    """An open file would be a ResourceWarning, and warnings are errors here."""
    for kind, content in kinds(recordings).items():
        path = tmp_path / kind
        path.write_bytes(content)
        chunks = open_stream(path).chunks()
        next(chunks)
        del chunks


def message_of(content, tmp_path, name="a.wav"):
    """What load and open_stream say of a file's content, without the folder."""
    path = tmp_path / name
    path.write_bytes(content)
    messages = []
    for read in (load, open_stream):
        with pytest.raises(InputError) as caught:
            read(path)
        messages.append(str(caught.value).removeprefix(f"{tmp_path}/"))
    assert messages[0] == messages[1]
    return messages[0]


def test_files_that_are_no_sound_are_refused(recordings, tmp_path, rng):
    remedy = "pass a recording, or export this one again, for example as .wav"
    assert message_of(b"", tmp_path) == ("a.wav: expected a sound or video file, got an empty file; record or export "
                                         "it again")
    for text in ("not sound at all\n", "Grüße, und über tausend Umlaute: äöü\n" * 500, "<html></html>"):
        assert message_of(text.encode(), tmp_path) == f"a.wav: expected a sound or video file, got text; {remedy}"
    noise = rng.integers(0, 256, 50000, dtype=np.uint8).tobytes()
    assert message_of(noise, tmp_path) == (f"a.wav: expected a sound or video file, got data of no known format; "
                                           f"{remedy}")
    mp4 = recordings.container(recordings.click(16000), 16000, format="mp4", codec="aac")
    assert message_of(mp4[:len(mp4) // 2], tmp_path) == (
        f"a.wav: expected a sound or video file, got a damaged or incomplete one; {remedy}")


def test_files_without_samples_are_refused(recordings, tmp_path):
    none = np.empty(0, np.float32)
    wav = recordings.soundfile(none, 16000)
    assert message_of(wav, tmp_path) == ("a.wav: expected sound that can be decoded, got none; the file is damaged or "
                                         "has no samples; export it again")
    ogg = recordings.soundfile(none, 16000, format="OGG", subtype="VORBIS")
    assert "expected sound that can be decoded, got none" in message_of(ogg, tmp_path)
    # Sound that ends before the first picture.
    early = recordings.container(recordings.click(16000), 16000, format="mov", codec="pcm_s16le", picture="mpeg4",
                                 picture_from_s=10.0)
    assert message_of(early, tmp_path) == "a.wav: expected some sound, got 0 samples; record or export it again"


@pytest.mark.parametrize(("value", "got"), [
    (np.nan, "nan at 6.250 s"), (np.inf, "inf at 6.250 s"), (-np.inf, "-inf at 6.250 s"), (1e30, "1e+30 at 6.250 s"),
])
def test_samples_that_are_no_sound_are_refused_with_their_time(recordings, value, got):
    sound = np.zeros(160000, np.float32)
    sound[100000] = value
    with pytest.raises(InputError) as caught:
        load(io.BytesIO(recordings.soundfile(sound, 16000, subtype="FLOAT")))
    assert str(caught.value) == (f"sound: expected finite samples around -1..1, got {got}; export it again from the "
                                 "program that made it, or as 16-bit")


def test_loud_sound_is_kept_as_it_is(recordings):
    sound = np.full(100, 3.5, np.float32)
    np.testing.assert_array_equal(load(io.BytesIO(recordings.soundfile(sound, 16000, subtype="FLOAT"))).samples, sound)


def hours_of_silence(path, hours):
    """A 16 kHz WAV whose sound takes no room on the disk."""
    import soundfile

    soundfile.write(path, np.zeros(1, np.int16), 16000)
    size = int(hours * 3600 * 16000) * 2
    with open(path, "r+b") as file:
        for place, value in ((4, size + 36), (40, size)):
            file.seek(place)
            file.write(value.to_bytes(4, "little"))
        file.truncate(44 + size)


def test_three_hours_stream_in_a_few_megabytes(tmp_path):
    hours_of_silence(tmp_path / "long.wav", 3)
    stream = open_stream(tmp_path / "long.wav")
    assert stream.duration_s == 3 * 3600
    tracemalloc.start()
    count = sum(len(chunk) for chunk in stream.chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 3 * 3600 * 16000
    assert peak < 5e6


def test_load_takes_little_more_than_the_sound_itself(tmp_path):
    hours_of_silence(tmp_path / "long.wav", 0.5)
    tracemalloc.start()
    audio = load(tmp_path / "long.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # tracemalloc of Python 3.13 counts a growing block and the one it grew from at the same time.
    most = 1.6 if sys.version_info < (3, 13) else 2.6
    assert peak < most * audio.samples.nbytes + 5e6


def test_load_refuses_what_only_a_stream_can_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOADED_SAMPLES", 16000 * 3600)
    hours_of_silence(tmp_path / "long.wav", 1.1)
    with pytest.raises(InputError, match=r"most 1\.0 hours of sound at 16000 Hz, got more; read it with open_stream"):
        load(tmp_path / "long.wav")


@pytest.mark.parametrize(("code", "loaded"), [
    ("pass", []),
    ("module.load({wav!r})", ["soundfile"]),
    ("module.open_stream({wav!r}, rate_hz=16000)", ["soundfile"]),
    ("list(module.open_stream({wav!r}, rate_hz=8000).chunks())", ["soundfile", "soxr"]),
])
def test_libraries_are_loaded_when_they_are_needed(recordings, tmp_path, code, loaded):
    wav = tmp_path / "a.wav"
    wav.write_bytes(recordings.soundfile(recordings.click(16000), 16000))
    script = (f"import sys; from personare.audio import load as module; {code.format(wav=str(wav))}; "
              "print([m for m in ('soundfile', 'soxr', 'av', 'scipy', 'numba') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(loaded)


SOUNDS = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".opus")


def claimed_s(path):
    """Length of the sound track as its container claims it, and the start of the sound against the picture."""
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    with av.open(str(path), **lenient) as container:
        sound = container.streams.audio[0]
        picture = container.streams.video[0] if container.streams.video else None
        shift_s = 0.0
        if picture:
            shift_s = float((sound.start_time or 0) * sound.time_base - picture.start_time * picture.time_base)
        return float(sound.duration * sound.time_base), shift_s


def test_every_real_recording_loads_at_its_length(shared):
    paths = sorted(p for p in (shared / "data" / "speech").rglob("*") if p.suffix in SOUNDS)
    assert len(paths) == 97
    for path in paths + sorted((shared / "data" / "videos").iterdir()):
        if path.stem == "metrical_wojtek_pose":
            with pytest.raises(InputError, match="got a file without a sound track"):
                load(path)
            continue
        audio = load(path)
        claimed, shift_s = claimed_s(path)
        # Raw AAC and MPEG program streams only guess their length; Opus and MP4 count the delay of the encoder.
        tolerance_s = {".aac": 1.5, ".mpg": 0.03, ".m4a": 0.045, ".opus": 0.0066}.get(path.suffix, 5e-4)
        assert abs(audio.duration_s - claimed - shift_s) < tolerance_s, path.name
        assert np.isfinite(audio.samples).all()
        assert np.abs(audio.samples).max() <= 1.0, path.name


def test_no_real_recording_is_called_damaged(shared, recwarn):
    for path in sorted((shared / "data" / "speech" / "formats").iterdir()):
        load(path)
    assert not [w for w in recwarn if issubclass(w.category, SoundWarning)]
