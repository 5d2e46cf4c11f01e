"""Footage to portrait: a few seconds of the built-in head teach a painter and a voice that generalise."""

import numpy as np
import pytest

pytest.importorskip("torch")

from personare.api import animate, load, open_face, save
from personare.errors import InputError, OutputError
from personare.faces.linear import weights_of
from personare.learn.painting import PaintingOptions
from personare.learn.portraits import (
    PortraitOptions,
    expression_basis,
    learn_portrait,
    longest_shot,
    mouth_of,
    prepare,
    read_windows,
)
from personare.people import speak, without_sound
from personare.portraits.bundle import REEL
from personare.portraits.footage import open_footage
from personare.portraits.reel import Reel
from personare.portraits.region import find_region
from personare.rendering.camera import frame_face
from personare.rendering.frames import render_frames
from personare.spaces import sound_columns
from personare.transfer import fitted
from personare.types import Audio, Motion, Track

FPS = 12.0


@pytest.fixture(scope="module")
def filmed(request):
    """(Track, pictures, Audio) of nine seconds of the built-in head."""
    sound = load(request.config.rootpath / "examples" / "hello.wav")
    sound = Audio(np.tile(sound.samples, 6)[: 9 * sound.rate_hz], sound.rate_hz)
    face = open_face()
    motion = fitted(animate(sound, fps=FPS), face)
    camera = frame_face(face, (128, 144))
    pictures = list(render_frames(face, motion, camera=camera))
    t = len(motion)
    return Track(face, motion, camera, np.arange(t) / FPS, np.zeros((t, 1, 3)), np.ones(t, bool), "made.mp4"), \
        pictures, sound


@pytest.fixture(scope="module")
def learned(filmed, tmp_path_factory):
    track, pictures, sound = filmed
    out = tmp_path_factory.mktemp("learn") / "sona.portrait"
    figures = learn_portrait(track, iter(pictures), out, audio=sound, options=PortraitOptions(
        size=64, until_s=7.0, painting=PaintingOptions(rounds=8, half=False)))
    return open_footage(out), figures, out


def test_the_voice_and_the_painter_do_well_on_what_they_saw_nothing_of(filmed, learned):
    track, pictures, _ = filmed
    person, figures, _ = learned
    assert figures["frames"] == 84
    assert figures["explained"] > 0.6
    # The mouth of the last two seconds over the last pictures that were learned from, against the mean mouth there.
    spots = track.camera.project(track.face.mesh(track.motion.frames(83, 84)).vertices[0])[:, :2]
    lips = spots[find_region(track.face).painted]
    (x0, y0), (x1, y1) = lips.min(axis=0).astype(int) + 6, lips.max(axis=0).astype(int) - 6
    target = track.motion.values.copy()
    shown = list(person.painted(Motion(target[:84:6], FPS, track.motion.space), range(0, 84, 6)))
    wrong = list(person.painted(Motion(np.roll(target, 40, axis=0)[:84:6], FPS, track.motion.space), range(0, 84, 6)))
    mean = np.mean([picture[y0:y1, x0:x1] for picture in pictures[:84]], axis=0)

    def error(found):
        return np.mean([np.abs(one[y0:y1, x0:x1].astype(float) - pictures[6 * i][y0:y1, x0:x1])
                        for i, one in enumerate(found)])

    still = np.mean([np.abs(mean - pictures[6 * i][y0:y1, x0:x1]) for i in range(14)])
    assert error(shown) < 0.8 * still
    assert error(shown) < 0.8 * error(wrong)


def test_a_painter_that_is_told_the_sound_paints_by_it(filmed, tmp_path):
    track, pictures, sound = filmed
    options = PortraitOptions(size=64, until_s=6.0, condition="sound", painting=PaintingOptions(rounds=1, half=False))
    learn_portrait(track, iter(pictures), tmp_path / "s.portrait", audio=sound, options=options)
    person = open_footage(tmp_path / "s.portrait")
    said = speak(sound, person)
    names = sound_columns(person.options.sounds)
    assert len(names) == 12
    told = said.columns(names)[: len(track)]
    assert 0.5 < told[:72, 0].std() < 2
    silent = without_sound(said)
    assert silent.space.columns == person.region.columns
    shown, still = (next(iter(person.painted(motion.frames(20, 21), [20]))).astype(int) for motion in (said, silent))
    assert (shown != still).any()
    np.testing.assert_array_equal(
        still, person.paint(next(person_pictures(person, 20)), values_of(person, silent, 20), person.shot.pose[20]))
    save(said.frames(0, 5), tmp_path / "s.json", face=person.face, portrait=person)
    with pytest.raises(InputError, match="condition: expected expression for footage without sound"):
        learn_portrait(track, iter(pictures), tmp_path / "m.portrait", options=options)
    with pytest.raises(InputError, match="condition: expected expression or sound, got 'mood'"):
        PortraitOptions(condition="mood")


def person_pictures(person, number):
    """The kept picture of a number."""
    return Reel(person.voice_path.parent / REEL, person.size, person.options.count).pictures([number])


def values_of(person, motion, number):
    """Columns of the face, as filmed but for the mouth's."""
    row = person.shot.values[number].copy()
    row[person.region.indices] = motion.values[number]
    return row


def test_speech_of_its_own_moves_it_as_it_was_tracked(filmed, learned):
    track, _, sound = filmed
    said = speak(sound, learned[0])
    jaw, own = said.column("jawOpen"), track.motion.column("jawOpen")
    unseen = slice(86, min(len(jaw), len(own)))
    assert np.corrcoef(jaw[unseen], own[unseen])[0, 1] > 0.8


def test_nothing_is_left_where_it_fails_and_a_portrait_is_replaced_whole(filmed, learned, tmp_path):
    track, pictures, sound = filmed
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="no portrait is there"):
        learn_portrait(track, pictures, folder, audio=sound)

    class Stop(BaseException):
        pass

    def broken():
        yield from pictures[:20]
        raise Stop

    with pytest.raises(Stop):
        learn_portrait(track, broken(), tmp_path / "b.portrait", audio=sound)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
    with pytest.raises(OutputError, match="no such folder"):
        learn_portrait(track, pictures, tmp_path / "none" / "b", audio=sound)


def track_of(seen, cuts=()):
    face, t = open_face(), len(seen)
    return Track(face, Motion(np.zeros((t, 68)), 10.0, face.space), frame_face(face), np.arange(t) / 10,
                 np.zeros((t, 1, 3)), np.array(seen, bool), "clip.mp4", cuts)


def test_the_longest_shot_is_found_and_too_short_ones_are_refused():
    seen = [True] * 60 + [False] * 3 + [True] * 90
    assert longest_shot(track_of(seen)) == (63, 153)
    assert longest_shot(track_of(seen, cuts=(90,))) == (90, 153)
    assert longest_shot(track_of(seen, cuts=(100,))) == (0, 60)
    with pytest.raises(InputError, match=r"clip\.mp4: expected one take of 5 s or more.*3\.0 s at most"):
        longest_shot(track_of([True] * 30 + [False] + [True] * 20))
    with pytest.raises(InputError, match="expected a face, got none in any picture"):
        longest_shot(track_of([False] * 80))


def test_codes_are_the_directions_in_which_the_mesh_moves_most(filmed):
    track, _, _ = filmed
    region = find_region(track.face)
    motion = Motion(weights_of(track.face, track.motion), FPS, track.face.space)
    mean, basis = expression_basis(region, motion)
    codes = (motion.values[:, region.indices] - mean) @ basis
    covariance = np.cov(codes.T)
    assert abs(covariance[0, 0] - 1) < 0.05
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 0.02
    spread = track.face.mesh(motion).vertices[:, region.painted]
    moves = spread.reshape(len(codes), -1) - spread.reshape(len(codes), -1).mean(axis=0)
    explained = moves - codes @ np.linalg.lstsq(codes, moves, rcond=None)[0]
    assert np.square(explained).sum() < 0.05 * np.square(moves).sum()


def test_two_commands_make_a_person_speak(filmed, tmp_path, monkeypatch, capsys):
    import av

    from personare.cli import app

    track, _, sound = filmed
    short = track.motion.frames(0, 66)
    video = save(short, tmp_path / "film.mp4", audio=Audio(sound.samples[: 88000], sound.rate_hz), size=(128, 144))
    followed = Track(track.face, short, track.camera, track.times_s[:66], track.landmarks[:66], track.seen[:66],
                     str(video), notes=("0:01.00 somebody passed",))
    monkeypatch.setattr("personare.tracking.track.track", lambda path, **_: followed)
    out, spoken = tmp_path / "her.portrait", tmp_path / "out.mp4"
    app(["portrait", "learn", str(video), "-o", str(out), "--size", "64", "--rounds", "1"], standalone_mode=False)
    said = capsys.readouterr()
    assert "somebody passed" in said.err
    assert str(out) in said.out
    assert open_footage(out).options.heard
    app(["animate", str(video), "--portrait", str(out), "-o", str(spoken)], standalone_mode=False)
    with av.open(str(spoken)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (128, 144)
        assert container.streams.video[0].average_rate == 12
        assert container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) == 66


def test_footage_without_sound_says_so(filmed, tmp_path, monkeypatch):
    from personare.learn.portraits import learn_from_footage

    track, _, _ = filmed
    short = track.motion.frames(0, 62)
    video = save(short, tmp_path / "mute.mp4", size=(128, 144))
    followed = Track(track.face, short, track.camera, track.times_s[:62], track.landmarks[:62], track.seen[:62])
    monkeypatch.setattr("personare.tracking.track.track", lambda path, **_: followed)
    _, notes = learn_from_footage(video, tmp_path / "mute.portrait", options=PortraitOptions(
        size=64, painting=PaintingOptions(rounds=1)))
    assert "mute.mp4 has no sound" in notes[0]
    person = open_footage(tmp_path / "mute.portrait")
    assert not person.options.heard
    assert np.ptp(speak(filmed[2], person).column("jawOpen")) > 0.05


@pytest.mark.parametrize("given", [False, True])
def test_a_silent_sound_is_none(filmed, tmp_path, monkeypatch, given):
    from personare.learn.portraits import learn_from_footage

    track, _, _ = filmed
    silence = Audio(np.zeros(62 * 16000 // 12, np.float32), 16000)
    short = track.motion.frames(0, 62)
    video = save(short, tmp_path / "hush.mp4", audio=None if given else silence, size=(128, 144))
    followed = Track(track.face, short, track.camera, track.times_s[:62], track.landmarks[:62], track.seen[:62])
    monkeypatch.setattr("personare.tracking.track.track", lambda path, **_: followed)
    options = PortraitOptions(size=64, painting=PaintingOptions(rounds=1))
    figures, notes = learn_from_footage(video, tmp_path / "hush.portrait", audio=silence if given else None,
                                        options=options)
    assert "hush.mp4 has silence for sound; the built-in model's curves" in notes[0]
    assert figures["explained"] == 0
    assert not open_footage(tmp_path / "hush.portrait").options.heard


def test_what_cannot_be_is_refused_before_the_face_is_followed(filmed, tmp_path, monkeypatch):
    from personare.learn.portraits import learn_from_footage

    video = save(filmed[0].motion.frames(0, 3), tmp_path / "mute.mp4", size=(128, 144))
    monkeypatch.setattr("personare.tracking.track.track", None)
    with pytest.raises(InputError, match="condition: expected expression for footage without sound"):
        learn_from_footage(video, tmp_path / "p", options=PortraitOptions(condition="sound"))
    with pytest.raises(InputError, match=r"until: expected 11\.0 s or more.* take begins at 6\.0 s, got 3 s"):
        prepare(track_of([False] * 60 + [True] * 80), PortraitOptions(until_s=3.0))


def test_of_a_long_take_an_even_choice_is_painted(filmed, monkeypatch):
    track, pictures, _ = filmed
    _, material = prepare(track, PortraitOptions(size=64))
    whole = read_windows(pictures, material)
    monkeypatch.setattr("personare.learn.portraits.MOST_WINDOWS", 40)
    some = read_windows(pictures, material)
    assert len(whole) == len(track)
    assert len(some) == 36
    for name in ("pictures", "uv", "part", "depth", "code"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[::3])
    monkeypatch.setattr("personare.learn.portraits.MOST_S", 6.0)
    assert len(prepare(track, PortraitOptions(size=64))[1].track) == 72


def test_a_face_whose_lips_do_not_meet_opens_as_an_average_one(monkeypatch):
    region = find_region(open_face())
    own = mouth_of(region)
    monkeypatch.setattr("personare.learn.portraits.lip_gaps", lambda region: None)
    average = mouth_of(region)
    np.testing.assert_array_equal(average.metric, own.metric)
    assert np.corrcoef(own.gap, average.gap)[0, 1] > 0.95
    assert average.gap[region.columns.index("mouthUpperUpRight")] == pytest.approx(0.0035)


def test_what_is_left_out_is_told():
    from personare.learn.portraits import _left_out

    assert _left_out(track_of([True] * 80)) == ()
    (note,) = _left_out(track_of([True] * 30 + [False] + [True] * 69))
    assert note.startswith("learned from 0:03.10 to 0:09.90")
