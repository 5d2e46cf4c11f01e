"""Networks that draw a person, apart from the numbers of the originals: batches, edges, refusals."""

import pytest

torch = pytest.importorskip("torch", reason="the networks need the extra personare[learn]")

from personare.errors import InputError  # noqa: E402
from personare.learn.nets import style_avatar  # noqa: E402
from personare.learn.nets.neural_texture import NeuralTexture, look_up  # noqa: E402
from personare.learn.nets.puppetry_renderer import PuppetryRenderer, RendererConfig, grown_hole  # noqa: E402
from personare.learn.nets.unet import PatchDiscriminator, UNet  # noqa: E402
from personare.learn.portrait_losses import (  # noqa: E402
    VGG19,
    VGGFeatures,
    features_matched,
    laplacian,
    masked_l1,
    perceptual,
    puppetry_loss,
    square_adversary,
)


def drawn(*shape, seed=0):
    """Random numbers in -1..1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("kind", "told"), [("static", None), ("audio", (3, 16, 29)), ("expression", (3, 76))])
def test_frames_of_a_batch_do_not_see_each_other(kind, told):
    torch.manual_seed(0)
    texture, uv = NeuralTexture(kind, features=4, size=8), drawn(3, 2, 5, 7)
    told = drawn(*told, seed=1) if told else None
    together = texture(uv, told)
    alone = torch.cat([texture(uv[i : i + 1], None if told is None else told[i : i + 1]) for i in range(3)])
    assert together.shape == (3, 4, 5, 7)
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
    assert kind == "static" or (texture(uv[:1].expand(3, -1, -1, -1), told)[0] - together[1]).abs().max() > 1e-3


def test_corners_of_a_texture_are_where_they_are_said_to_be():
    texture = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    corner, middle = torch.tensor([-1.0, -1.0]).view(1, 2, 1, 1), torch.tensor([-0.5, 0.5]).view(1, 2, 1, 1)
    assert look_up(texture, corner).item() == 1
    assert look_up(texture, corner, align_corners=False).item() == 1
    assert look_up(texture, corner, align_corners=False, padding="zeros").item() == 0.25
    assert look_up(texture, middle).item() == pytest.approx(1 + 0.25 + 1.5)
    assert look_up(texture, middle, align_corners=False).item() == 3


@pytest.mark.parametrize("form", ["", "BU", "DC"])
def test_a_unet_keeps_the_size_and_every_pixel_reaches_the_result(form):
    torch.manual_seed(0)
    network, picture = UNet(3, levels=3, form=form, width=4), drawn(2, 3, 16, 24).requires_grad_()
    made = network(picture)
    assert made.shape == picture.shape
    made.abs().sum().backward()
    assert (picture.grad.abs().sum(1) > 0).all()


def test_refusals_say_what_to_do():
    with pytest.raises(InputError, match="sides divisible by 8, got 20 x 16"):
        UNet(3, levels=3, width=4)(drawn(1, 3, 16, 20))
    with pytest.raises(InputError, match="one of 3, 5, 6, 7, 8"):
        UNet(3, levels=4)
    with pytest.raises(InputError, match="static, audio, expression"):
        NeuralTexture("video")


def test_a_patch_says_how_real_it_looks():
    judge = PatchDiscriminator(6, width=4)
    assert judge(drawn(2, 6, 64, 64)).shape == (2, 1, 6, 6)


def test_a_hole_grows_more_towards_the_throat_and_never_beyond_the_picture():
    outside = torch.ones(1, 1, 128, 128, dtype=torch.bool)
    outside[..., 40:60, 50:70] = False
    hole = ~grown_hole(outside, 0.5)[0, 0]
    rows, columns = hole.any(1).nonzero().ravel(), hole.any(0).nonzero().ravel()
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (36, 79, 43, 76)
    assert torch.equal(grown_hole(outside, 0), outside)
    assert not grown_hole(torch.zeros_like(outside), 9).any()


def test_the_renderer_leaves_what_is_outside_the_hole_as_it_is_and_does_not_look_inside():
    torch.manual_seed(0)
    renderer = PuppetryRenderer(RendererConfig(features=4, texture_size=8, levels=3, width=4, erosion=0.1))
    uv, picture = torch.full((1, 2, 32, 32), -1.0), drawn(1, 3, 32, 32)
    uv[..., 8:20, 8:24] = drawn(1, 2, 12, 16, seed=2)
    found = renderer(uv, picture)
    kept = (~found.hole).expand_as(picture)
    assert found.hole.any()
    assert torch.equal(found.picture[kept], picture[kept])
    torch.testing.assert_close(renderer(uv, picture.where(kept, -picture)).picture, found.picture)


def test_differences_are_means_over_the_pixels_they_are_about():
    pictures, targets = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    mask = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert masked_l1(pictures, targets, mask) == 0
    mask[..., :1, :2] = True
    assert masked_l1(pictures, targets, mask) == 1
    targets[..., 0, 0] = 3
    assert masked_l1(pictures, targets, mask) == 2


def test_a_renderer_learns_a_person():
    torch.manual_seed(0)
    renderer = PuppetryRenderer(RendererConfig(features=4, texture_size=16, levels=3, width=8, erosion=0.05))
    v, u = torch.meshgrid(torch.linspace(-0.9, 0.9, 20), torch.linspace(-0.9, 0.9, 20), indexing="ij")
    uv = torch.full((2, 2, 32, 32), -1.0)
    uv[0, :, 6:26, 6:26], uv[1, :, 8:28, 3:23] = torch.stack([u, v]), torch.stack([u, v])
    # A face that is the same wherever it stands, before a background.
    picture = torch.where((uv <= -1).all(1, keepdim=True), -0.5, torch.stack(
        [torch.sin(3 * uv[:, 0]), torch.cos(2 * uv[:, 1]), uv[:, 0] * uv[:, 1]], 1))
    inside, losses = (uv > -1).any(1, keepdim=True), []
    optimiser = torch.optim.Adam(renderer.parameters(), lr=5e-3)
    for _ in range(60):
        optimiser.zero_grad()
        loss = puppetry_loss(renderer(uv, picture), picture, inside)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def small_style_avatar():
    """Sizes for a second on one core."""
    return style_avatar.StyleAvatarConfig(textures=1, features=4, encoder_width=4, width=4, blocks=1, local_blocks=1,
                                          halvings=1, judge_width=4, frames=1)


def test_style_avatar_in_small():
    torch.manual_seed(0)
    config = small_style_avatar()
    neural = style_avatar.texture_encoder(config)(drawn(2, 3, 64, 64))
    assert neural.shape == (2, 4, 16, 16)
    picture = style_avatar.generator(config)(style_avatar.sampled(neural, drawn(2, 2, 32, 24) / 2 + 0.5))
    assert picture.shape == (2, 3, 32, 24)
    seen = style_avatar.judge(config)(torch.cat([picture, picture], 1))
    assert [len(scale) for scale in seen] == [5, 5]
    assert seen[0][0].shape[2] > seen[1][0].shape[2]


def test_losses_are_nothing_between_equals_and_grow_with_the_difference():
    torch.manual_seed(0)
    picture = drawn(1, 3, 64, 64)
    other = picture + 0.5 * drawn(1, 3, 64, 64, seed=1)
    vgg = VGGFeatures(VGG19, width=4)
    judge = style_avatar.judge(small_style_avatar())
    for loss in (lambda a, b: perceptual(vgg, a, b), laplacian,
                 lambda a, b: features_matched(judge(torch.cat([picture, a], 1)), judge(torch.cat([picture, b], 1)))):
        assert loss(picture, picture) == 0
        assert loss(picture, other) > loss(picture, (picture + other) / 2) > 0
    verdicts = [[torch.full((1, 1, 2, 2), value)] for value in (1.0, 3.0)]
    assert square_adversary(verdicts, real=True) == 4
    assert square_adversary(verdicts, real=False) == 10


def test_a_pyramid_s_bands_hold_all_but_what_is_flat():
    assert laplacian(torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)) == pytest.approx(0, abs=1e-6)
    stripes = (torch.arange(32) % 2).float().expand(1, 1, 32, 32)
    assert laplacian(torch.zeros(1, 1, 32, 32), stripes, levels=1) == pytest.approx(0.5, abs=1e-6)


def test_blending_keeps_the_background_and_shrinks_it_below():
    background = torch.ones(1, 1, 64, 64)
    background[..., 16:56, 20:44] = 0
    kept = style_avatar.shrunk_background(background)[0, 0]
    assert torch.equal(kept[:48], background[0, 0, :48])
    assert (kept[48:, 11:53] == 0).all()
    assert kept[48:, :11].all()
    assert kept[48:, 53:].all()
    picture = drawn(1, 3, 64, 64)
    made = style_avatar.blended(lambda x: torch.full_like(x, 0.25), torch.zeros(1, 3, 64, 64), picture, background)
    assert torch.equal(made, torch.where(kept > 0, picture, 0.25))
