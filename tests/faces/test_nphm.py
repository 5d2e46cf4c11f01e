"""NPHM heads from checkpoint folders: found, read without torch, saved, and refused when hostile or broken."""

import pickle
import zipfile

import numpy as np
import pytest

from personare import api
from personare.errors import InputError
from personare.faces.bundle import save_face
from personare.faces.nphm import open_nphm
from personare.types import Motion

RESOLUTION = 24


@pytest.fixture
def folder(tmp_path, nphm_tensors, rng):
    """Two checkpoints as the authors' trainer saves them, and the anchors."""
    torch = pytest.importorskip("torch", reason="needs torch, an optional install")
    identity, expression, anchors = nphm_tensors

    def network(tensors):
        module = torch.nn.Module()
        for name, value in tensors.items():
            module.register_buffer(name.replace(".", "/"), torch.from_numpy(value))
        state = module.state_dict()
        for name in list(state):
            state[name.replace("/", ".")] = state.pop(name)
        return state

    codes = torch.nn.Embedding(3, 30)
    optimizer = torch.optim.AdamW(codes.parameters())
    codes(torch.arange(3)).sum().backward()
    optimizer.step()
    for name, tensors, size in (("identity", identity, 30), ("expression", expression, 5)):
        (tmp_path / name).mkdir()
        torch.save({"epoch": 15000, "decoder_state_dict": network(tensors),
                    "optimizer_encoder_state_dict": optimizer.state_dict(),
                    "latent_codes_state_dict": {"weight": torch.from_numpy(
                        rng.normal(0, 0.1, (3, size)).astype(np.float32))}},
                   tmp_path / name / "checkpoint_epoch_15000.tar")
    np.save(tmp_path / "anchors_5.npy", anchors[None, None])
    return tmp_path


def test_a_folder_of_checkpoints_is_a_face(folder, nphm_model):
    face = open_nphm(folder, identity=1, resolution=RESOLUTION)
    assert face.space.columns == tuple(f"exp_{i}" for i in range(5))
    vertices, triangles = face.extracted()
    assert len(vertices) > 200
    assert np.array_equal(triangles, face.surface.triangles)
    points = np.linspace(-0.3, 0.3, 30).reshape(10, 3).astype(np.float32)
    np.testing.assert_array_equal(face.field().sdf(points), nphm_model.field(face.identity).sdf(points))
    assert not np.array_equal(open_nphm(folder, identity=0, resolution=RESOLUTION).identity, face.identity)
    mean = open_nphm(folder, resolution=RESOLUTION).identity
    np.testing.assert_allclose(mean, np.mean([open_nphm(folder, identity=i, resolution=RESOLUTION).identity
                                              for i in range(3)], 0), atol=1e-6)


def test_torch_reads_the_same(folder):
    from personare.learn.nets.nphm import TorchCheckpoint, convert_nphm

    here = open_nphm(folder, resolution=RESOLUTION)
    there = open_nphm(folder, resolution=RESOLUTION, reader=TorchCheckpoint)
    assert np.array_equal(here.canonical, there.canonical)
    opened = api.open_face(convert_nphm(folder, folder / "head.npz"))
    assert opened.model.expression_size == 5


def test_a_saved_head_comes_back(folder, rng):
    face = open_nphm(folder, resolution=RESOLUTION)
    back = api.open_face(save_face(face, folder / "head.npz"))
    motion = Motion(rng.normal(0, 0.3, (3, 5)), 24, face.space)
    assert back.space == face.space
    np.testing.assert_array_equal(back.mesh(motion).vertices, face.mesh(motion).vertices)


def test_what_is_missing_is_named(folder, tmp_path):
    (folder / "anchors_5.npy").rename(folder / "anchors.npy")
    with pytest.raises(InputError, match=r"expected anchors_5\.npy, got none; copy it from the folder assets"):
        open_nphm(folder)
    (folder / "identity" / "checkpoint_epoch_15000.tar").unlink()
    with pytest.raises(InputError, match="a checkpoint with the identity network"):
        open_nphm(folder)


def test_people_are_counted(folder):
    with pytest.raises(InputError, match=r"a row in 0\.\.2, got 3"):
        open_nphm(folder, identity=3)


class Payload:
    def __reduce__(self):
        return open, ("personare-was-here", "w")


def archive(path, program, *storages):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", program)
        for i, content in enumerate(storages):
            file.writestr(f"archive/data/{i}", content)


def test_a_payload_is_not_run(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("builtins.print", lambda *words: opened.append(words))
    program = pickle.dumps({"decoder_state_dict": Payload()}, protocol=2)
    archive(tmp_path / "checkpoint.tar", program)
    with pytest.raises(InputError, match=r"got a call of (io|_io|__builtin__)\.open"):
        open_nphm(tmp_path)
    assert not opened


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not an archive" * 100])
def test_no_archive(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(InputError, match="a checkpoint of torch"):
        open_nphm(tmp_path)


def test_a_bomb_is_refused_before_it_is_read(tmp_path, folder):
    whole = (folder / "identity" / "checkpoint_epoch_15000.tar").read_bytes()
    for cut in (100, len(whole) // 2, len(whole) - 30):
        (folder / "identity" / "checkpoint_epoch_15000.tar").write_bytes(whole[:cut])
        with pytest.raises(InputError, match="a checkpoint of torch"):
            open_nphm(folder)
    archive(folder / "identity" / "checkpoint_epoch_15000.tar", b"\x00" * 2**26)
    with pytest.raises(InputError, match="a description of 64 MB"):
        open_nphm(folder)
