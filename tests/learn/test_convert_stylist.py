"""style_avatar's files become a bundle that says what the network says."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from personare.errors import InputError  # noqa: E402
from personare.learn.convert import convert_checkpoints  # noqa: E402
from personare.learn.convert_stylist import POSE_MEAN, POSE_STD  # noqa: E402
from personare.learn.nets.stylist import Stylist, StylistConfig  # noqa: E402
from personare.motion.stylist import open_stylist  # noqa: E402
from personare.types import Motion  # noqa: E402


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("released")
    torch.manual_seed(0)
    networks = {"exp": Stylist(StylistConfig(columns=64)).eval(), "pose": Stylist(StylistConfig(columns=7)).eval()}
    for name, network in networks.items():
        torch.save(network.state_dict(), folder / f"{name}.pth")
    rng = np.random.default_rng(0)
    np.save(folder / "sty.npy", rng.standard_normal((3, 135)).astype(np.float32))
    for name, size in (("exp", 64), ("pose", 7)):
        told = {key: rng.uniform(0.1, 1, size).astype(np.float32) for key in
                ("m_m", "m_s", "s_m", "s_s", "d_m_m", "d_m_s", "d_s_m", "d_s_s")}
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(told))
    return folder, networks


def test_the_bundle_says_what_the_networks_say(released, tmp_path):
    folder, networks = released
    names = ("exp.pth", "pose.pth", "sty.npy", "exp.pkl", "pose.pkl")
    convert_checkpoints([folder / name for name in names], tmp_path / "bundle")
    method = open_stylist(tmp_path / "bundle")
    assert method.styles == ("1", "2", "3")
    rows = np.random.default_rng(1).uniform(0, 1, (3, 80, 30)).astype(np.float32)
    code = method.code_of("2")
    with torch.no_grad():
        given = torch.from_numpy(rows).transpose(1, 2)
        style = torch.from_numpy(code)[None].expand(3, -1)
        exp, pose = (network(given[:, :-1], given[:, -1:], style).transpose(1, 2).numpy()
                     for network in networks.values())
    values = method.run(rows, code)
    np.testing.assert_allclose(values[..., :64], exp, atol=1e-5)
    np.testing.assert_allclose(values[..., 64:], pose * POSE_STD + POSE_MEAN, atol=1e-5)
    assert method.code_of(Motion(np.random.default_rng(2).normal(size=(50, 64)), 25, "bfm-64")).shape == (135,)


def test_without_what_is_usual_a_take_is_no_style(released, tmp_path):
    folder, _ = released
    convert_checkpoints([folder / "exp.pth"], tmp_path / "bundle")
    with pytest.raises(InputError, match="ted_hd"):
        open_stylist(tmp_path / "bundle").code_of(Motion(np.zeros((50, 64)), 25, "bfm-64"))


@pytest.mark.parametrize(("names", "told"), [(("pose.pth",), "expressions"), (("exp.pth", "exp.pkl"), "one of 7"),
                                             (("exp.pth", "exp.pth"), "expressions"),
                                             (("exp.pth", "odd.txt"), "leave the others out")])
def test_what_does_not_belong_together_is_refused(released, tmp_path, names, told):
    folder, _ = released
    with pytest.raises(InputError, match=told):
        convert_checkpoints([folder / name for name in names], tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_hostile_pickle_is_not_run(released, tmp_path):
    folder, _ = released

    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError):
        convert_checkpoints([folder / "exp.pth", tmp_path / "bad.pkl"], tmp_path / "bundle")
    assert not (tmp_path / "made").exists()
