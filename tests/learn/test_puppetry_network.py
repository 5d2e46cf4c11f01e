"""A converted checkpoint gives what the network gives; files of other networks are refused."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="converting needs the extra personare[learn]")
pytest.importorskip("onnx", reason="converting needs the extra personare[learn]")
safetensors = pytest.importorskip("safetensors.torch", reason="converting needs the extra personare[learn]")

from personare.cli import app  # noqa: E402
from personare.errors import AssetError, InputError  # noqa: E402
from personare.learn.convert import convert_checkpoint, convert_person, puppetry_bundle  # noqa: E402
from personare.learn.nets.puppetry import Puppetry, PuppetryConfig  # noqa: E402
from personare.motion.puppetry import open_puppetry  # noqa: E402

CONFIG = PuppetryConfig(window=4, codes=4, slots_before=1, slots_after=2, outputs=3, people=2)


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = Puppetry(CONFIG).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(0, 0.2)
    return network


@pytest.fixture
def windows():
    return np.random.default_rng(0).normal(0, 0.5, (11, 4, 29)).astype(np.float32)


def expected(network, windows, person=0):
    index = np.clip(np.arange(len(windows))[:, None] + np.arange(-1, 3), 0, len(windows) - 1)
    with torch.no_grad():
        values, codes = network(torch.from_numpy(windows[index]), torch.full((len(windows),), person))
    return values.numpy(), codes.numpy()


def test_both_kinds_of_file_become_the_same_bundle(network, windows, tmp_path, monkeypatch):
    torch.save(network.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(network.state_dict(), tmp_path / "new.pth")
    safetensors.save_file(network.state_dict(), tmp_path / "a.safetensors")
    _, codes = expected(network, windows)
    assert codes.std(axis=0).min() > 0.01
    for name in ("old.pth", "new.pth", "a.safetensors"):
        folder = tmp_path / f"{name}.bundle"
        assert app(["convert", str(tmp_path / name), "-o", str(folder), "--quiet"], standalone_mode=False) in (None, 0)
        method = open_puppetry(folder)
        np.testing.assert_allclose(method.values_of(windows), codes, atol=1e-5)
        assert (method.options.rows_before, method.options.rows_after) == (2, 1)
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path))
    with pytest.raises(AssetError, match="models/deepspeech"):
        method.session()


@pytest.mark.parametrize("person", [0, 1])
def test_one_of_its_people_speaks(network, windows, tmp_path, person):
    torch.save(network.state_dict(), tmp_path / "a.pth")
    convert_person(tmp_path / "a.pth", tmp_path / "b", person)
    np.testing.assert_allclose(open_puppetry(tmp_path / "b").values_of(windows),
                               expected(network, windows, person)[0], rtol=1e-5, atol=1e-5)
    with pytest.raises(InputError, match=r"0\.\.1, got 2"):
        convert_person(tmp_path / "a.pth", tmp_path / "c", 2)


class Planted:
    """Would run something."""

    def __reduce__(self):
        return print, ("run",)


def test_other_files_are_refused(tmp_path, capsys):
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"Neural Voice Puppetry.*got 1 tensors such as fc\.weight"):
        convert_checkpoint(tmp_path / "other.pth", tmp_path / "b")
    torch.save({"mapping": Planted()}, tmp_path / "planted.pth")
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    for name in ("planted.pth", "damaged.safetensors", "missing.pth"):
        with pytest.raises(InputError, match=r"weights, as \.safetensors or as \.pth"):
            convert_checkpoint(tmp_path / name, tmp_path / "b")
    assert "run" not in capsys.readouterr().out.split()
    with pytest.raises(InputError, match="DeepSpeech's 29 letters, got 5 columns"):
        puppetry_bundle(Puppetry(PuppetryConfig(row_width=5)), tmp_path / "b", source="a test")
    assert not (tmp_path / "b").exists()
