"""Each layout that is imported: the clips have the numbers, the sound and the speaker that went in."""

import pickle

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import audiodvp, deep3d, facetalk, livelink, nvp
from personare.export.wav import write_wav
from personare.learn.dataset import open_dataset
from personare.learn.importers import LAYOUTS, import_clips
from personare.spaces import AUDIODVP_64, BFM_64, NPHM_200, NVP_76
from personare.types import Audio, Motion, Take

SECONDS, RATE_HZ = 2.0, 16000


@pytest.fixture
def sound(rng):
    return Audio((0.3 * rng.standard_normal(int(SECONDS * RATE_HZ))).clip(-1, 1).astype(np.float32), RATE_HZ)


def curves(rng, space, fps):
    width = len(space) if not isinstance(space, str) else 52
    return Motion(rng.uniform(0, 1, (int(SECONDS * fps), width)).astype(np.float32), fps, space)


def livelink_folder(folder, sound, rng):
    motion = curves(rng, "arkit-52", 60.0)
    for stem in ("take_1", "take_1_cal", "take_1_neutral"):
        livelink.write(folder / f"{stem}.csv", Take(motion))
    write_wav(folder / "take_1.wav", sound.stream(), rate_hz=RATE_HZ)
    return {"take_1": motion.values}, ""


def facegood_folder(folder, sound, rng):
    values = rng.uniform(0, 1, (60, 116))
    (folder / "bs_value").mkdir()
    (folder / "wav").mkdir()
    np.save(folder / "bs_value" / "bs_value_1114_2_01.npy", values)
    np.save(folder / "bs_value" / "names.npy", np.array(["a", "b"]))
    write_wav(folder / "wav" / "1114_2_01.wav", sound.stream(), rate_hz=RATE_HZ)
    return {"bs_value_1114_2_01": values}, ""


def facetalk_folder(folder, sound, rng):
    motion = curves(rng, NPHM_200, 24.0)
    facetalk.write(folder / "017_SEN-01", Take(motion, audio=sound.stream()))
    return {"017_SEN-01": motion.values}, "017"


def nvp_folder(folder, sound, rng):
    motion = curves(rng, NVP_76, 25.0)
    (folder / "person").mkdir()
    nvp.write(folder / "person" / "expression.txt", Take(motion))
    write_wav(folder / "person" / "audio.wav", sound.stream(), rate_hz=RATE_HZ)
    return {"person": motion.values}, "person"


def audiodvp_folder(folder, sound, rng):
    motion = curves(rng, AUDIODVP_64, 25.0)
    audiodvp.write(folder / "nancy", Take(motion))
    (folder / "nancy" / "audio").mkdir()
    write_wav(folder / "nancy" / "audio" / "audio.wav", sound.stream(), rate_hz=RATE_HZ)
    return {"nancy": motion.values}, "nancy"


def deep3d_folder(folder, sound, rng):
    motion = curves(rng, BFM_64, 25.0)
    deep3d.write(folder / "clip.mat", Take(motion))
    write_wav(folder / "clip.wav", sound.stream(), rate_hz=RATE_HZ)
    return {"clip": motion.values}, ""


def style_avatar_folder(folder, sound, rng):
    lmdb = pytest.importorskip("lmdb", reason="needs the extra personare[data]")
    table = rng.uniform(0, 1, (50, 257)).astype(np.float32)
    write_wav(folder / "x.wav", sound.stream(), rate_hz=RATE_HZ)
    with lmdb.open(str(folder), max_dbs=4, map_size=1 << 24) as database:
        parts = {name: database.open_db(f"train_{name}".encode()) for name in ("coeff", "audio")}
        with database.begin(write=True) as writing:
            writing.put(b"3", pickle.dumps(table), db=parts["coeff"])
            writing.put(b"3", (folder / "x.wav").read_bytes(), db=parts["audio"])
    return {"train_000003": table[:, 80:144]}, ""


def vocaset_folder(folder, sound, rng):
    vertices = rng.uniform(0, 1, (130, 4, 3)).astype(np.float32)
    rest = rng.uniform(0, 1, (4, 3)).astype(np.float32)
    np.save(folder / "data_verts.npy", vertices)
    files = {"subj_seq_to_idx": {"A": {"sentence01": {i: i + 10 for i in range(120)}}}, "templates": {"A": rest},
             "raw_audio_fixed": {"A": {"sentence01": {"audio": (32767 * sound.samples).astype(np.int16),
                                                      "sample_rate": RATE_HZ}}}}
    for name, content in files.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(content))
    return {"A_sentence01": (vertices[10:] - rest).reshape(120, 12)}, "A"


def biwi_folder(folder, sound, rng):
    vertices = rng.uniform(0, 1, (50, 12)).astype(np.float32)
    for name in ("vertices_npy", "wav"):
        (folder / name).mkdir()
    np.save(folder / "vertices_npy" / "F2_01.npy", vertices)
    write_wav(folder / "wav" / "F2_01.wav", sound.stream(), rate_hz=RATE_HZ)
    (folder / "templates.pkl").write_bytes(pickle.dumps({"F2": vertices[0].astype(np.float64)}))
    return {"F2_01": vertices - vertices[0]}, "F2"


def takes_folder(folder, sound, rng):
    from personare.export import npz

    motion = curves(rng, "arkit-52", 30.0)
    npz.write(folder / "hello.npz", Take(motion))
    write_wav(folder / "hello.wav", sound.stream(), rate_hz=RATE_HZ)
    return {"hello": motion.values}, ""


MAKERS = {"livelink": livelink_folder, "facegood": facegood_folder, "facetalk": facetalk_folder, "nvp": nvp_folder,
          "audiodvp": audiodvp_folder, "deep3d": deep3d_folder, "style-avatar": style_avatar_folder,
          "vocaset": vocaset_folder, "biwi": biwi_folder, "takes": takes_folder}


@pytest.mark.parametrize("format", LAYOUTS)
def test_what_goes_in_comes_out(format, tmp_path, sound, rng):
    source = tmp_path / "source"
    source.mkdir()
    expected, speaker = MAKERS[format](source, sound, rng)
    said = []
    names = import_clips(source, tmp_path / "clips", format=format, licence="mine", warn=said.append)
    assert (sorted(names), said) == (sorted(expected), [])
    for clip in open_dataset(tmp_path / "clips").clips:
        np.testing.assert_allclose(clip.motion.values, expected[clip.name], atol=1e-6)
        np.testing.assert_allclose(clip.audio().samples, sound.samples, atol=1e-4)
        assert (clip.speaker, clip.meta.licence) == (speaker, "mine")
        assert clip.meta.source == f"{format}: source"


def test_what_is_wrong_with_a_clip_is_said_and_the_others_are_kept(tmp_path, sound, rng):
    source = tmp_path / "source"
    source.mkdir()
    takes_folder(source, sound, rng)
    livelink.write(source / "alone.csv", Take(curves(rng, "arkit-52", 60.0)))
    livelink.write(source / "slow.csv", Take(Motion(rng.uniform(0, 1, (240, 52)), 60.0, "arkit-52")))
    write_wav(source / "slow.wav", sound.stream(), rate_hz=RATE_HZ)
    said = []
    assert import_clips(source, tmp_path / "clips", format="takes", warn=said.append) == ["hello"]
    assert len(said) == 2
    assert any("left out alone" in text and "alone.wav" in text for text in said)
    assert any("left out slow" in text and "--fps 120" in text for text in said)


@pytest.mark.parametrize("format", LAYOUTS)
def test_a_folder_of_something_else(format, tmp_path):
    (tmp_path / "readme.md").write_text("nothing")
    with pytest.raises(InputError, match="docs/learn"):
        import_clips(tmp_path, tmp_path / "clips", format=format)
