"""The main path on sound and names, end to end."""

import av
import numpy as np
import pytest

import personare
from personare import InputError, OutputError
from personare.spaces import ARKIT_52

HELLO = "examples/hello.wav"


@pytest.fixture(scope="module")
def hello(request):
    """The example speech."""
    return personare.load(request.config.rootpath / HELLO)


@pytest.fixture(scope="module")
def motion(hello):
    """The example speech, animated."""
    return personare.animate(hello)


def test_animate_gives_one_frame_for_each_thirtieth_of_a_second(hello, motion):
    assert motion.space is ARKIT_52
    assert len(motion) == int(np.ceil(hello.duration_s * 30))
    assert motion.head_pose.shape == (len(motion), 4, 4)
    assert motion.values.min() >= 0
    assert motion.values.max() <= 1


def test_a_path_a_stream_and_audio_give_the_same(request, motion):
    path = request.config.rootpath / HELLO
    for source in (path, str(path), personare.open_stream(path)):
        np.testing.assert_allclose(personare.animate(source).values, motion.values, atol=1e-5)


def test_sixty_frames_a_second_show_the_same_mouth(hello, motion):
    fast = personare.animate(hello, fps=60)
    assert len(fast) == int(np.ceil(hello.duration_s * 60))
    jaw = np.corrcoef(fast.column("jawOpen")[::2][:len(motion)], motion.column("jawOpen"))[0, 1]
    assert jaw > 0.95


def test_silence_is_rest(hello):
    silent = personare.animate(personare.Audio(np.zeros(32_000), 16_000), layers=personare.STILL)
    mouth = [name for name in ARKIT_52.columns if name.startswith(("mouth", "jaw"))]
    assert silent.columns(mouth).max() < 0.05
    spoken = personare.animate(hello, layers=personare.STILL)
    assert spoken.column("jawOpen").max() > 0.2


def test_public_names_stay_what_they_are_when_folders_are_imported():
    import personare.api
    import personare.cli
    import personare.rendering.frames

    for name in personare.__all__:
        assert getattr(personare, name) is not None
        assert type(getattr(personare, name)).__name__ != "module", name


def test_render_draws_a_head_whose_mouth_opens():
    values = np.zeros((2, 52), np.float32)
    values[1, ARKIT_52.index("jawOpen")] = 1
    shut, wide = personare.render(personare.Motion(values, 30, ARKIT_52), size=(192, 256))
    assert shut.shape == (256, 192, 3)
    assert shut.dtype == np.uint8
    changed = np.abs(shut.astype(int) - wide).sum(axis=2) > 30
    rows = np.flatnonzero(changed.any(axis=1))
    assert changed.mean() > 0.005
    assert rows.min() > 256 * 0.4  # An opening jaw leaves brow and eyes alone.


@pytest.mark.parametrize("suffix", [".csv", ".json", ".a2f.json", ".npz"])
def test_curves_come_back_from_every_file_that_carries_them(motion, tmp_path, suffix):
    path = personare.save(motion, tmp_path / f"take{suffix}")
    again = personare.read_motion(path)
    assert (len(again), again.fps) == (len(motion), 30)
    np.testing.assert_allclose(again.columns(ARKIT_52.columns), motion.values, atol=1e-5)
    if suffix != ".a2f.json":  # It has no place for the head.
        np.testing.assert_allclose(again.head_pose[:, :3, :3], motion.head_pose[:, :3, :3], atol=1e-5)


def test_video_carries_picture_and_sound(hello, motion, tmp_path):
    path = personare.save(motion.frames(0, 45), tmp_path / "short.mp4", audio=hello, size=128)
    with av.open(str(path)) as container:
        assert {stream.type for stream in container.streams} == {"video", "audio"}
        assert sum(1 for _ in container.decode(video=0)) >= 45


def test_mistakes_are_explained(motion, tmp_path):
    with pytest.raises(InputError, match=r"fps: expected 1\.\.240 frames a second, got 0"):
        personare.animate(personare.Audio(np.zeros(10), 16_000), fps=0)
    with pytest.raises(InputError, match="expected one of vox"):
        personare.animate(personare.Audio(np.zeros(10), 16_000), model="voks")
    with pytest.raises(InputError, match="suffix: expected one of"):
        personare.save(motion, tmp_path / "take.fbx")
    with pytest.raises(InputError, match="faces: expected one of sona"):
        personare.save(motion, tmp_path / "take.glb", face="nobody")
    for size in (3, "512", (512,), None, (64.5, 64)):
        with pytest.raises(InputError, match=r"size: expected \(width, height\), each a whole number in 16\.\.4096"):
            personare.render(motion, size=size)
    for fps in ("30", None, True, 241):
        with pytest.raises(InputError, match=r"fps: expected 1\.\.240 frames a second"):
            personare.animate(personare.Audio(np.zeros(10), 16_000), fps=fps)
    with pytest.raises(InputError, match="layers: expected a Layers"):
        personare.animate(personare.Audio(np.zeros(10), 16_000), layers=3)
    with pytest.raises(OutputError, match="choose another folder"):
        personare.save(motion, tmp_path / "nowhere" / "take.csv")
    assert not list(tmp_path.iterdir())


def test_evaluate_scores_a_model_and_foreign_predictions(request, tmp_path):
    hello = request.config.rootpath / HELLO
    (tmp_path / "index.csv").write_text(f"id,audio,speaker\na,{hello},one\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.lab").write_text("0 0.2 SIL\n0.2 0.3 HH\n0.3 0.5 AH\n0.5 0.6 P\n0.6 0.8 AA\n0.8 1.4 SIL\n")
    figures = personare.evaluate(tmp_path / "index.csv")
    assert figures.pop("speakers") == {"one": figures["score"]}
    motion = personare.animate(hello, fps=60, layers=personare.STILL)
    personare.save(motion, tmp_path / "a.npz")
    again = personare.evaluate(tmp_path / "index.csv", predictions=tmp_path)
    assert {name: again[name] for name in figures} == pytest.approx(figures, nan_ok=True)
    with pytest.raises(InputError, match=r"expected a csv file with the columns id, audio, speaker"):
        personare.evaluate(tmp_path / "labels/a.lab")
    with pytest.raises(InputError, match=r"a file a\.npz, \.csv or \.json, got none"):
        personare.evaluate(tmp_path / "index.csv", predictions=tmp_path / "labels")


def test_a_face_may_name_its_character():
    mara = personare.api.open_face("sona/mara")
    assert mara.name == "sona/mara"
    assert personare.api.open_face(mara) is mara
    assert np.abs(mara.neutral() - personare.api.open_face("sona").neutral()).max() > 0.005
    with pytest.raises(InputError, match="did you mean 'mara'"):
        personare.api.open_face("sona/marra")
    with pytest.raises(InputError, match="faces: expected one of sona"):
        personare.api.open_face("sonar/mara")
