"""Sound that FFmpeg decodes lies where it belongs in time, to a fraction of a millisecond."""

import io
import warnings
from fractions import Fraction

import numpy as np
import pytest

from personare.audio.load import SoundWarning, load
from personare.errors import InputError

FORMATS = [
    ("mp3", "libmp3lame", 0), ("mp4", "aac", 0), ("ipod", "aac", 0), ("adts", "aac", 1024), ("matroska", "aac", 1024),
    ("mpegts", "aac", 1024), ("flv", "aac", 1024), ("matroska", "libopus", 0), ("webm", "libopus", 0),
    ("ogg", "libopus", 0), ("matroska", "flac", 0), ("matroska", "libmp3lame", 0), ("mp4", "libmp3lame", 0),
    ("mp4", "alac", 0), ("mp4", "flac", 0), ("mov", "pcm_s16le", 0), ("avi", "libmp3lame", 1152), ("mp2", "mp2", 1152),
    ("wav", "pcm_s24le", 0), ("wav", "pcm_f64le", 0), ("flac", "flac", 0),
]


@pytest.mark.parametrize("rate_hz", [16000, 24000, 48000])
@pytest.mark.parametrize(("format", "codec", "padding"), FORMATS, ids=lambda value: str(value))
def test_a_click_stays_where_it_was(recordings, format, codec, padding, rate_hz):
    sound = recordings.click(rate_hz)
    audio = load(io.BytesIO(recordings.container(sound, rate_hz, format=format, codec=codec)))
    # FLV and Matroska keep time in whole milliseconds, MP4's edit lists too.
    tolerance_s = 4e-4 if format == "flv" else 5e-5
    assert abs(recordings.click_time_s(audio) - round(0.777 * rate_hz) / rate_hz) < tolerance_s
    missing = len(sound) / rate_hz - audio.duration_s
    assert -padding / rate_hz - 1e-3 < missing < 1.1e-3


@pytest.mark.parametrize("rate_hz", [16000, 24000, 44100])
def test_an_mp3_without_a_tag_is_taken_for_one_of_lame(recordings, rate_hz):
    content = recordings.container(recordings.click(rate_hz), rate_hz, format="mp3", codec="libmp3lame",
                                   options={"write_xing": "0"})
    assert b"Xing" not in content
    assert b"Info" not in content
    audio = load(io.BytesIO(content))
    assert abs(recordings.click_time_s(audio) - round(0.777 * rate_hz) / rate_hz) < 5e-5


# Tolerances: WebM and FLV hold whole milliseconds for sound and picture each, MP4 for the edit list.
@pytest.mark.parametrize(("format", "codec", "picture", "tolerance_s"), [
    ("mp4", "aac", "libx264", 7e-4), ("mp4", "aac", "mpeg4", 7e-4), ("matroska", "aac", "libx264", 1.1e-3),
    ("webm", "libopus", "libvpx", 1.1e-3), ("mpegts", "aac", "libx264", 5e-5), ("mov", "pcm_s16le", "libx264", 5e-5),
    ("flv", "aac", "libx264", 1.1e-3), ("mp4", "libmp3lame", "libx264", 1.1e-3),
])
@pytest.mark.parametrize(("sound_from_s", "picture_from_s"), [(0, 0), (0.25, 0), (0, 0.2), (0.12, 0.4)])
def test_time_0_is_the_first_picture(recordings, format, codec, picture, tolerance_s, sound_from_s, picture_from_s):
    content = recordings.container(recordings.click(48000), 48000, format=format, codec=codec, picture=picture,
                                   sound_from_s=sound_from_s, picture_from_s=picture_from_s)
    audio = load(io.BytesIO(content))
    moved_s = sound_from_s - picture_from_s
    assert abs(recordings.click_time_s(audio) - 0.777 - moved_s) < tolerance_s
    assert abs(audio.duration_s - 2.03 - moved_s) < 0.03
    if moved_s > 0:
        assert not audio.samples[:round((moved_s - 0.03) * 48000)].any()


def test_the_sound_of_an_avi_starts_without_the_delay_of_its_codec(recordings):
    content = recordings.container(recordings.click(48000), 48000, format="avi", codec="libmp3lame", picture="mpeg4")
    assert abs(recordings.click_time_s(load(io.BytesIO(content))) - 0.777) < 5e-5


@pytest.mark.parametrize(("jump_s", "moved_s"), [
    (0.5, 0.5),  # a gap is filled with silence
    (0.02, 0.0),  # a small difference is a clock that drifts
    (-0.3, -0.3),  # an overlap is cut
    (4000.0, 0.0),  # a clock set anew moves nothing
])
def test_sound_follows_its_time_stamps(recordings, jump_s, moved_s):
    rate_hz = 16000
    sound = recordings.click(rate_hz, at_s=1.6, duration_s=2.5)
    content = recordings.container(sound, rate_hz, format="nut", codec="pcm_s16le", sound_from_s=2000.0,
                                   jump=(rate_hz, jump_s))
    audio = load(io.BytesIO(content))
    assert abs(recordings.click_time_s(audio) - 1.6 - moved_s) < 1e-4
    assert abs(audio.duration_s - 2.5 - moved_s) < 1e-4


def test_two_recordings_in_one_file_follow_each_other(recordings):
    """Joined transport streams: the clock jumps back to its start."""
    first = recordings.container(np.zeros(36864, np.float32), 16000, format="mpegts", codec="mp2")
    second = recordings.container(recordings.click(16000), 16000, format="mpegts", codec="mp2")
    alone = load(io.BytesIO(first)).duration_s
    joined = load(io.BytesIO(first + second))
    # The encoder's delay of the second one, 481 samples, is real sound of the joined file.
    assert abs(recordings.click_time_s(joined) - alone - 481 / 16000 - 0.777) < 1e-3


def test_sound_an_hour_away_from_the_picture_is_refused(recordings):
    content = recordings.container(recordings.click(16000), 16000, format="matroska", codec="pcm_s16le",
                                   picture="mpeg4", sound_from_s=4000.0)
    with pytest.raises(InputError, match=r"start within an hour of each other, got 4000 s between them; its time"):
        load(io.BytesIO(content))


@pytest.mark.parametrize(("format", "codec", "options"), [
    ("mp3", "libmp3lame", {}), ("flac", "flac", {}), ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov"}),
])
def test_half_a_file_gives_half_the_sound_and_a_warning(recordings, format, codec, options):
    noise = 0.1 * np.random.default_rng(0).standard_normal(160000).astype(np.float32)
    content = recordings.container(noise, 16000, format=format, codec=codec, options=options)
    whole = load(io.BytesIO(content))
    with pytest.warns(SoundWarning, match=r"the file ends early, after \d\.\d\d of 10\.\d\d s; export or download"):
        half = load(io.BytesIO(content[:len(content) // 2]))
    assert 4.5 < half.duration_s < 5.5
    # The last two frames may miss bits that they share with the next ones.
    sure = len(half.samples) - 4096
    np.testing.assert_allclose(half.samples[:sure], whole.samples[:sure], atol=1e-6)


def test_damage_in_the_middle_costs_only_the_damaged_part(recordings):
    noise = 0.1 * np.random.default_rng(0).standard_normal(160000).astype(np.float32)
    content = bytearray(recordings.container(noise, 16000, format="mp4", codec="aac"))
    content[len(content) // 2:len(content) // 2 + 1000] = bytes(1000)
    whole = load(io.BytesIO(recordings.container(noise, 16000, format="mp4", codec="aac")))
    with pytest.warns(SoundWarning, match=r"\d+ of \d+ packets of sound are damaged; the rest was read"):
        audio = load(io.BytesIO(bytes(content)))
    assert len(audio.samples) == len(whole.samples)
    for part in (slice(0, 64000), slice(96000, None)):
        np.testing.assert_allclose(audio.samples[part], whole.samples[part], atol=1e-6)


@pytest.mark.parametrize("text", [
    "#EXTM3U\n#EXTINF:1,\nother.wav\n", "ffconcat version 1.0\nfile 'other.wav'\n",
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "1\n00:00:01,000 --> 00:00:02,000\nhello\n\n",
])
def test_lists_that_name_other_files_or_hosts_are_only_text(recordings, tmp_path, text):
    (tmp_path / "other.wav").write_bytes(recordings.soundfile(recordings.click(16000), 16000))
    (tmp_path / "list.mp3").write_text(text)
    with pytest.raises(InputError, match="expected a sound or video file, got text; pass a recording"):
        load(tmp_path / "list.mp3")


def test_pictures_alone_are_refused(recordings):
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        out.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        out.mux(video.encode(None))
    with pytest.raises(InputError, match="expected sound, got a file without a sound track; pass a recording, or a"):
        load(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize(("codec", "layout", "tolerance"), [
    ("pcm_f32le", "stereo", 1e-6), ("wavpack", "5.1", 4e-3), ("flac", "7.1", 2e-5), ("wavpack", "7.1", 4e-3),
    ("pcm_f32le", "7.1", 1e-6), ("wavpack", "hexadecagonal", 4e-3),
])
def test_channels_are_averaged(rng, codec, layout, tolerance):
    """Eight and more planes of samples too, where PyAV itself reads past the end. WavPack is taken at 8 bits here."""
    import av

    channel_count = av.AudioLayout(layout).nb_channels
    sound = rng.uniform(-0.9, 0.9, (20000, channel_count)).astype(np.float32)
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream(codec, rate=48000, layout=layout)
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    samples = load(io.BytesIO(file.getvalue())).samples
    assert len(samples) == len(sound)
    np.testing.assert_allclose(samples, sound.mean(axis=1), atol=tolerance)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_headers_give_sound_or_one_clear_line(recordings, seed, capfd):
    """Forty small files with random damage; a longer run of the same kind is in the page of load."""
    rng = np.random.default_rng(seed)
    format, codec, _ = FORMATS[seed % len(FORMATS)]
    content = bytearray(recordings.container(recordings.click(16000, duration_s=1), 16000, format=format, codec=codec))
    for place in rng.integers(0, min(len(content), 600), size=int(rng.integers(1, 30))):
        content[place] = rng.choice([0, 127, 255, int(rng.integers(256))])
    audio = message = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SoundWarning)
        try:
            audio = load(io.BytesIO(bytes(content)))
        except InputError as error:
            message = str(error)
    if audio is None:
        assert len(message.splitlines()) == 1
    else:
        assert len(audio.samples) > 0
    assert capfd.readouterr().err == ""
