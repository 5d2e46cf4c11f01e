"""Neural Voice Puppetry's renderer against numbers of the original code, made with deterministic weights (1e-5)."""

import json

import numpy as np
import pytest
from formula import fill, numbers

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from personare.learn.nets.neural_texture import NeuralTexture  # noqa: E402
from personare.learn.nets.puppetry_renderer import (  # noqa: E402
    PuppetryRenderer,
    RendererConfig,
    grown_hole,
    outside_of,
)
from personare.learn.nets.unet import UNet  # noqa: E402
from personare.learn.portrait_losses import (  # noqa: E402
    VGG16,
    VGGFeatures,
    content_and_style,
    masked_l1,
    puppetry_loss,
)


def tensor(key, shape, scale=1.0):
    """An input of the fixtures."""
    return torch.from_numpy((numbers(key, int(np.prod(shape))) * scale).reshape(shape).astype(np.float32))


@pytest.fixture(scope="module")
def fixtures(shared):
    return shared / "fixtures" / "voice_puppetry_audiodvp"


@pytest.fixture(scope="module")
def published(fixtures):
    return dict(np.load(fixtures / "nvp_renderer_reference.npz"))


@pytest.fixture(scope="module")
def layouts(fixtures):
    return json.loads((fixtures / "nvp_renderer_meta.json").read_text())


def layout_of(network):
    """name -> shape."""
    return {key: list(value.shape) for key, value in network.state_dict().items()}


@pytest.mark.parametrize("corners", [0, 1])
@pytest.mark.parametrize("kind", ["static", "audio", "expression"])
def test_textures(published, layouts, kind, corners):
    texture = fill(NeuralTexture(kind, size=64, align_corners=bool(corners)), 0.7)
    assert layout_of(texture) == layouts[f"texture_{kind}"]["shapes"]
    told = {"static": None, "audio": tensor("input:nvr_audio", (1, 1, 16, 29), 5.0)[0],
            "expression": tensor("input:nvr_expr", (1, 76), 0.5)}[kind]
    if kind != "static":
        assert texture.texture(told).shape == tuple(published[f"texture_{kind}_eval_shape"])
    found = texture(torch.from_numpy(published["uv"]), told)
    np.testing.assert_allclose(found[:, :, ::4, ::4], published[f"texture_{kind}_align{corners}_s4"], atol=1e-5)


@pytest.mark.parametrize("name", [*(f"UNET_{n}_level{form}" for n in (3, 5, 6, 8) for form in ("", "_BU")),
                                  "UNET_3_level_DC", "UNET_5_level_DC"])
def test_unets(published, layouts, name):
    levels, form = int(name[5]), name.partition("level")[2]
    network = fill(UNet(19, levels=levels, form=form[1:], width=8), 0.7)
    assert layout_of(network) == layouts[f"unet_{name}"]["shapes_ngf8"]
    with torch.device("meta"):
        large = UNet(19, levels=levels, form=form[1:])
    assert sum(value.numel() for value in large.parameters()) == layouts[f"unet_{name}"]["params_ngf64"]
    inputs = torch.cat([tensor("input:nvr_unet", (1, 16, 256, 256)), tensor("input:nvr_bg", (1, 3, 256, 256))], 1)
    # What bilinear upsampling rounds is scaled up by eight normalisations.
    tolerance = 2e-5 if form == "_BU" else 1e-5
    np.testing.assert_allclose(network(inputs)[:, :, ::8, ::8], published[f"unet_{name}_s8"], atol=tolerance)


@pytest.mark.parametrize(("factor", "name"), [(0.5, "mask_eroded"), (1.0, "mask_eroded_factor1")])
def test_the_hole_grows_as_in_the_original(published, factor, name):
    outside = outside_of(torch.from_numpy(published["uv"]))
    np.testing.assert_array_equal(outside[0, 0], published["mask_raw"])
    np.testing.assert_array_equal(grown_hole(outside, factor)[0, 0], published[name])


@pytest.fixture(scope="module")
def rendered(published):
    renderer = fill(PuppetryRenderer(RendererConfig(texture_size=64, width=8, erosion=0.5)), 0.7)
    uv = torch.from_numpy(published["uv"])
    target = tensor("input:nvr_target", (1, 3, 128, 128))
    return renderer(uv, target), target, ~outside_of(uv)


def test_the_whole_renderer(published, rendered):
    found = rendered[0]
    for name, values, step in (("background", found.background, 4), ("features_s4", found.features, 4),
                               ("intermediate_s4", found.face, 4), ("fake", found.picture, 2)):
        values = values[..., ::step, ::step]
        np.testing.assert_allclose(values, published[f"model_{name}"], atol=1e-5, err_msg=name)


def test_loss_with_the_original_s_slip_and_without(published, rendered):
    found, target, inside = rendered
    # The original divides by the face's pixels where it means their share: its first two terms hardly count.
    area = inside.numel()
    terms = [masked_l1(found.features[:, :3], target, inside), 5 * masked_l1(found.face, target, inside),
             10 * (found.picture - target).abs().mean()]
    slipped = (terms[0] + terms[1]) / area + terms[2]
    assert float(slipped) == pytest.approx(published["loss"][0], rel=1e-6)
    assert float(puppetry_loss(found, target, inside)) == pytest.approx(float(sum(terms)), rel=1e-6)
    assert float(terms[0] + terms[1]) > 1000 * float((terms[0] + terms[1]) / area)


def test_what_a_network_sees(published):
    vgg = fill(VGGFeatures(VGG16), 1.0)
    fake, target = (tensor(f"input:vgg_{name}", (1, 3, 64, 64)) for name in ("fake", "target"))
    content, style = content_and_style(vgg, fake, target)
    assert float(content) == pytest.approx(float(published["vgg_content"]), rel=1e-5)
    assert float(style) == pytest.approx(float(published["vgg_style"]), rel=1e-4)
    assert float(content + style) == pytest.approx(float(published["vgg_loss"]), rel=1e-5)
