"""Tensor files without torch: both layouts, windows on storages, and nothing of a hostile file run."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from personare.errors import InputError
from personare.files.tensors import read_tensor, tensor_bytes


@pytest.mark.parametrize("shape", [(64, 1), (3,), (2, 3, 4), ()])
def test_what_is_written_comes_back(tmp_path, rng, shape):
    array = rng.standard_normal(shape).astype(np.float32)
    (tmp_path / "a.pt").write_bytes(tensor_bytes(array))
    back = read_tensor(tmp_path / "a.pt")
    assert (back.shape, back.dtype) == (shape, np.float32)
    assert np.array_equal(back, array)


@pytest.mark.parametrize("old", [False, True])
def test_torch_and_this_read_each_other(tmp_path, rng, old):
    torch = pytest.importorskip("torch", reason="needs torch, an optional install")
    whole = torch.from_numpy(rng.standard_normal((5, 7)))
    for tensor in (whole, whole.t(), whole[1:4, ::2], whole[0, 3], whole.float(), whole.half(), whole.long()):
        torch.save(tensor, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
        back = read_tensor(tmp_path / "a.pt")
        assert np.array_equal(back, tensor.numpy())
        assert back.dtype == tensor.numpy().dtype
    array = rng.standard_normal((64, 1)).astype(np.float32)
    (tmp_path / "b.pt").write_bytes(tensor_bytes(array))
    assert np.array_equal(torch.load(tmp_path / "b.pt", weights_only=True).numpy(), array)


class Payload:
    def __reduce__(self):
        return (open, ("pwned", "w"))


def archive(program):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as members:
        members.writestr("archive/data.pkl", program)
        members.writestr("archive/data/0", b"\0" * 64)
    return file.getvalue()


@pytest.mark.parametrize(("content", "message"), [
    (b"", "damaged data"), (b"hello", "damaged data"), (pickle.dumps(Payload(), 2), "a call of"),
    (archive(pickle.dumps(Payload(), 2)), "a call of"), (archive(pickle.dumps([1.0], 2)), "something else than a tens"),
    (tensor_bytes(np.zeros(4, np.float32)).replace(b"J\x04\0\0\0", b"J\x05\0\0\0"), "damaged data|leaves its storage"),
])
def test_hostile_files_are_refused_and_nothing_runs(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(InputError, match=f"expected one plain tensor of torch.save, got .*({message})"):
        read_tensor(tmp_path / "a.pt")
    assert not (tmp_path / "pwned").exists()


def test_large_files_and_bombs_are_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"\0" * 2000)
    with pytest.raises(InputError, match="0 MB"):
        read_tensor(tmp_path / "a.pt", most_bytes=1000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("archive/data.pkl", b"\0" * (40 << 20))
    (tmp_path / "b.pt").write_bytes(file.getvalue())
    with pytest.raises(InputError, match="40 MB"):
        read_tensor(tmp_path / "b.pt")


def test_flipped_bytes_give_one_clear_error_or_numbers(tmp_path, rng):
    whole, messages = tensor_bytes(np.arange(64, dtype=np.float32)[:, None]), []
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), rng.integers(1, 5)):
            damaged[at] = rng.integers(0, 256)
        (tmp_path / "a.pt").write_bytes(damaged)
        try:
            assert read_tensor(tmp_path / "a.pt").size <= 64
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert "\n" not in "".join(messages)
