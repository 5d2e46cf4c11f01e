"""Checkpoints of portrait networks as their programs save them become bundles that draw the same."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra personare[learn]")
pytest.importorskip("onnx", reason="needs the extra personare[learn]")

from personare.cli import app  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.learn.convert import convert_checkpoints  # noqa: E402
from personare.learn.nets import style_avatar as nets  # noqa: E402
from personare.learn.nets.dvp_renderer import dvp_renderer  # noqa: E402
from personare.learn.nets.puppetry_renderer import PuppetryRenderer, RendererConfig  # noqa: E402
from personare.learn.portrait_tasks import loaded  # noqa: E402
from personare.portraits.style_avatar import StyleAvatar, as_bytes  # noqa: E402

CONFIG = nets.StyleAvatarConfig(textures=3, features=4, encoder_width=4, width=4, blocks=2, local_blocks=1, halvings=2)


@pytest.fixture(scope="module")
def networks():
    torch.manual_seed(0)
    return {"tex_encoder": nets.texture_encoder(CONFIG).eval(), "face_unet": nets.generator(CONFIG).eval(),
            "generator": nets.generator(CONFIG, 3).eval()}


@pytest.fixture(scope="module")
def saved(networks, tmp_path_factory):
    """Function of names -> paths of .pkl files, as style_avatar's trainer leaves them."""
    folder = tmp_path_factory.mktemp("saved")
    for name, network in networks.items():
        # One of them from a machine with several devices.
        prefix = "module." if name == "face_unet" else ""
        torch.save({prefix + key: value for key, value in network.state_dict().items()}, folder / f"{name}.pkl")
    torch.save(torch.randn(1, 4, 16, 16).requires_grad_(), folder / "neural_texture.pkl")
    return lambda *names: [folder / f"{name}.pkl" for name in names]


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    return {"texture": rng.integers(0, 256, (3, 64, 64, 3), np.uint8), "uv": rng.random((2, 32, 32, 2), np.float32),
            "background": rng.random((2, 32, 32)) < 0.4, "picture": rng.integers(0, 256, (2, 32, 32, 3), np.uint8)}


def blue_green_red(values):
    """(n, 3, h, w) float32 as the original has pictures."""
    return torch.from_numpy(values[..., ::-1].astype(np.float32) / 128 - 1).permute(0, 3, 1, 2)


def test_style_avatar_draws_as_it_did_but_in_red_green_blue(networks, saved, scene, tmp_path):
    words = ["convert", *map(str, saved("tex_encoder", "face_unet", "generator")), "-o", str(tmp_path / "avatar"), "-q"]
    assert app(words, standalone_mode=False) in (None, 0)
    uv = torch.from_numpy(scene["uv"]).permute(0, 3, 1, 2)
    outside = torch.from_numpy(scene["background"])[:, None].float()
    with torch.no_grad():
        neural = networks["tex_encoder"](blue_green_red(scene["texture"]).reshape(1, 9, 64, 64))
        face = networks["face_unet"](nets.sampled(neural, uv)) * (1 - outside)
        picture = nets.blended(networks["generator"], face, blue_green_red(scene["picture"]), outside)
    avatar = StyleAvatar(tmp_path / "avatar")
    found = avatar.faces(avatar.neural_texture(scene["texture"]), scene["uv"], scene["background"])
    np.testing.assert_allclose(found[..., ::-1], face.permute(0, 2, 3, 1), atol=2e-5)
    whole = avatar.composed(found, scene["picture"], scene["background"])
    expected = as_bytes(picture.permute(0, 2, 3, 1).numpy()[..., ::-1])
    assert np.abs(whole.astype(int) - expected).max() <= 1
    assert avatar.bundle.card.config["own"]["blocks"] == 2


def test_a_tuned_person_has_its_own_texture(saved, scene, tmp_path):
    convert_checkpoints(saved("face_unet", "generator", "neural_texture"), tmp_path / "person")
    avatar = StyleAvatar(tmp_path / "person")
    assert avatar.neural_texture().shape == (1, 4, 16, 16)
    frames = list(avatar.frames(scene["uv"], scene["background"], scene["picture"]))
    assert [frame.shape for frame in frames] == [(32, 32, 3)] * 2


def test_parts_that_lack_are_named(saved, tmp_path):
    with pytest.raises(InputError, match=r"expected tex_encoder\.pkl, got generator"):
        convert_checkpoints(saved("face_unet"), tmp_path / "x")
    with pytest.raises(InputError, match=r"expected face_unet\.pkl, got encoder"):
        convert_checkpoints(saved("tex_encoder"), tmp_path / "x")
    with pytest.raises(InputError, match="give what belongs together"):
        convert_checkpoints(saved("tex_encoder", "tex_encoder"), tmp_path / "x")
    convert_checkpoints(saved("generator"), tmp_path / "blender")
    assert set(loaded(tmp_path / "blender")[0]) == {"blender"}


@pytest.mark.parametrize(("kind", "form"), [("static", ""), ("audio", "BU"), ("expression", "DC")])
def test_puppetry_s_renderer_in_three_files_or_in_one(kind, form, tmp_path):
    import onnxruntime

    torch.manual_seed(0)
    renderer = PuppetryRenderer(RendererConfig(texture=kind, features=4, texture_size=16, levels=3, form=form, width=4))
    renderer = renderer.eval().requires_grad_(False)
    paths = []
    for part in ("inpainter", "texture", "texture_decoder"):
        paths.append(tmp_path / f"latest_net_{part}.pth")
        torch.save(getattr(renderer, part).state_dict(), paths[-1])
    torch.save(renderer.state_dict(), tmp_path / "whole.pth")
    told = {"static": None, "audio": torch.randn(3, 16, 29), "expression": torch.randn(3, 76)}[kind]
    inputs = {"uv": torch.rand(3, 2, 64, 80) * 2 - 1, "picture": torch.rand(3, 3, 64, 80)}
    inputs["uv"][:, :, :20] = -1
    expected = renderer(*inputs.values(), told).picture
    inputs |= {} if told is None else {"condition": told}
    for given in (paths, [tmp_path / "whole.pth"]):
        bundle = convert_checkpoints(given, tmp_path / "bundle")
        session = onnxruntime.InferenceSession(bundle.path("draw.onnx"), providers=["CPUExecutionProvider"])
        found = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_audiodvp_s_renderer(tmp_path):
    import onnxruntime

    torch.manual_seed(0)
    network = dvp_renderer(drawings=3, width=4, levels=5).eval().requires_grad_(False)
    torch.save(network.state_dict(), tmp_path / "250_net_G.pth")
    bundle = convert_checkpoints([tmp_path / "250_net_G.pth"], tmp_path / "bundle")
    assert bundle.card.config["own"] == {"drawings": 3, "width": 4, "levels": 5, "judge_width": 64, "flip": True}
    drawings = torch.rand(1, 9, 64, 64)
    session = onnxruntime.InferenceSession(bundle.path("draw.onnx"), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"drawings": drawings.numpy()})[0], network(drawings), atol=2e-5)
