"""Checkpoints are read as data: asked tensors only, shared and strided storages, nothing of a hostile file run."""

import pickle
import zipfile

import numpy as np
import pytest

from personare.errors import InputError
from personare.files.checkpoints import Checkpoint


class Payload:
    def __reduce__(self):
        return eval, ("1",)


def test_tensors_of_torch(tmp_path, rng):
    torch = pytest.importorskip("torch", reason="needs torch, an optional install")
    whole = torch.from_numpy(rng.standard_normal((6, 8)).astype(np.float32))
    layer = torch.nn.Linear(3, 4)
    torch.save({"epoch": 7, "weights": {"a": whole, "b": whole.t()[2:5], "half": whole.half(), "n": 3},
                "net": layer.state_dict(), "optimizer": torch.optim.AdamW(layer.parameters()).state_dict()},
               tmp_path / "a.tar")
    checkpoint = Checkpoint(tmp_path / "a.tar")
    assert checkpoint.tree["epoch"] == 7
    tensors = checkpoint.tensors("weights")
    assert sorted(tensors) == ["a", "b", "half"]
    assert np.array_equal(tensors["a"], whole.numpy())
    assert np.array_equal(tensors["b"], whole.numpy().T[2:5])
    assert np.array_equal(checkpoint.tensors("net")["weight"], layer.weight.detach().numpy())
    assert checkpoint.tensors("nothing", "here") == {}


def test_a_call_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"weights": Payload()}, protocol=2))
    with pytest.raises(InputError, match="a call of"):
        Checkpoint(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04junk", b"x" * 1000])
def test_no_archive(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"torch 1\.6 or later"):
        Checkpoint(tmp_path / "a.pth")


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="check the path"):
        Checkpoint(tmp_path / "none.tar")
