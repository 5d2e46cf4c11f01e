"""The differentiable renderer against AudioDVP's kernel and tf_mesh_renderer, run on models that a formula makes."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, an optional install")

from personare.learn.face_model import face_model  # noqa: E402
from personare.learn.rasterizing import raster_of, rasterize  # noqa: E402
from personare.learn.unwrapping import texture_raster  # noqa: E402


def _beside(name):
    """The module of a test beside this one, whose fixtures make the models."""
    spec = importlib.util.spec_from_file_location(f"parity_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bfm = _beside("test_bfm")
audiodvp, deep3d = bfm.audiodvp, bfm.deep3d


def test_triangles_and_gradients_of_audiodvp(shared, monkeypatch):
    folder = shared / "fixtures" / "voice_puppetry_audiodvp"
    det, expected = bfm.module(folder / "det.py", monkeypatch), np.load(folder / "dvp_atnet_reference.npz")
    clip = torch.tensor(expected["raster_vertices"])[None].requires_grad_()
    corners = expected["raster_triangles"].astype(int)
    raster = rasterize(clip, torch.tensor(corners), (64, 64))
    # There 0 is a triangle and also says that there is none; only the shares tell.
    ids = np.where(expected["raster_bary"].sum(-1) > 0.5, expected["raster_ids"].astype(int), -1)
    np.testing.assert_array_equal(raster.ids[0], ids)
    shares = raster.interpolated(torch.eye(9)[None])[0].detach().numpy()  # (64, 64, 9), by vertex
    shares = np.take_along_axis(shares, corners[ids], 2) * (ids >= 0)[..., None]
    np.testing.assert_allclose(shares, expected["raster_bary"], atol=2e-5)
    weight = torch.tensor(det.tensor("raster:df", (64, 64, 3))).view(-1, 3)[raster.pixels]
    (raster.weights * weight).sum().backward()
    np.testing.assert_allclose(clip.grad[0], expected["raster_dvertices"], rtol=1e-4, atol=1e-4)


def test_the_kernel_of_audiodvp_restated(shared, monkeypatch):
    """What the tests below hold ours against is the original to the bit."""
    folder = shared / "fixtures" / "voice_puppetry_audiodvp"
    det, expected = bfm.module(folder / "det.py", monkeypatch), np.load(folder / "dvp_atnet_reference.npz")
    clip, corners = expected["raster_vertices"], expected["raster_triangles"].astype(int)
    ids, shares = published_shares(clip, corners, 64)
    np.testing.assert_array_equal(shares.reshape(64, 64, 3), expected["raster_bary"])
    np.testing.assert_array_equal(ids.clip(0).reshape(64, 64), expected["raster_ids"])
    weight = det.tensor("raster:df", (64 * 64, 3))
    np.testing.assert_array_equal(published_gradient(clip, corners, 64, ids, weight), expected["raster_dvertices"])


def published_shares(clip, triangles, size):
    """What AudioDVP's kernel makes of clip (v, 4) float32, one triangle after the other and without fused operations.

    Unnormalised edge functions at -1e-5 or more, whatever the size of the triangle: slivers grow by that.

    Returns:
        ids (size * size,) int, -1 for none, and shares of the corners (size * size, 3) float32.
    """
    single = np.float32
    x, y, z, w = (clip[triangles][..., axis] for axis in range(4))
    rows = np.stack([np.stack([y[:, j] * w[:, k] - w[:, j] * y[:, k], x[:, k] * w[:, j] - w[:, k] * x[:, j],
                               x[:, j] * y[:, k] - y[:, j] * x[:, k]], -1) for j, k in ((1, 2), (2, 0), (0, 1))], 1)
    rows[sum(x[:, i] * rows[:, i, 0] for i in range(3)) < 0] *= -1
    pixels = ((np.stack([x, y], -1) / w[..., None] + 1.0) * (size / 2)).astype(single)
    low = np.clip(np.floor(pixels.min(1)), 0, size).astype(int)
    spans = np.clip(np.ceil(pixels.max(1)), 0, size).astype(int) - low
    count = spans.prod(1)
    own = np.repeat(np.arange(len(triangles)), count)
    step = np.arange(len(own)) - np.repeat(np.cumsum(count) - count, count)
    column, row = low[own, 0] + step % spans[own, 0], low[own, 1] + step // spans[own, 0]
    across, down = ((at + 0.5) / (size / 2) - 1 for at in (column, row))
    edges = rows[own, :, 0] * across.astype(single)[:, None] + rows[own, :, 1] * down.astype(single)[:, None]
    edges += rows[own, :, 2]
    inside = (edges >= single(-1e-5)).all(1) & (edges > 0).any(1)
    own, pixel, edges = own[inside], (row * size + column)[inside], edges[inside]
    share = edges / sum(edges.T)[:, None]
    depth = sum((share * z[own]).T) / sum((share * w[own]).T)
    order = np.lexsort((-own, depth, pixel))  # of two at one depth the later one stays
    first = order[np.unique(pixel[order], return_index=True)[1]]
    ids, shares = np.full(size * size, -1), np.zeros((size * size, 3), single)
    ids[pixel[first]], shares[pixel[first]] = own[first], share[first]
    return ids, shares


def published_gradient(clip, triangles, size, ids, gradient):
    """(v, 4) float32 gradient of clip by the same kernel's way back, from that of the shares (size * size, 3)."""
    pixel = np.flatnonzero(ids >= 0)
    corners = triangles[ids[pixel]]
    x, y, _, w = np.moveaxis(clip[corners], -1, 0).swapaxes(1, 2)  # (3, n) each
    across, down = (np.float32(2) * (at + np.float32(0.5)) / np.float32(size) - np.float32(1)
                    for at in ((pixel % size).astype(np.float32), (pixel // size).astype(np.float32)))
    pairs = ((1, 2), (2, 0))
    by_x = [down * (w[j] - w[k]) - (y[j] - y[k]) for j, k in pairs]
    by_y = [x[j] - x[k] - across * (w[j] - w[k]) for j, k in pairs]
    by_w = [across * (y[j] - y[k]) - down * (x[j] - x[k]) for j, k in pairs]
    edges = [[*found, -(found[0] + found[1])] for found in (by_x, by_y, by_w)]
    weights = [x[i] * edges[0][n] + y[i] * edges[1][n] + w[i] * edges[2][n] for n, i in enumerate((2, 2, 1))]
    scale = 1 / np.square(sum(weights))
    moved = [sum(gradient[pixel, n] * edge[n] for n in range(3)) for edge in edges]
    moved = np.stack([moved[0], moved[1], np.zeros_like(scale), moved[2]], -1)
    out = np.zeros_like(clip)
    np.add.at(out, corners, np.stack([scale * weight for weight in weights], 1)[..., None] * moved[:, None])
    return out


class PublishedShares(torch.autograd.Function):
    """published_shares of one frame's clip, whose way back is published_gradient."""

    @staticmethod
    def forward(context, clip, triangles, size):
        ids, shares = published_shares(clip.numpy(), triangles, size)
        context.kept = clip.numpy(), triangles, size, ids
        return torch.from_numpy(shares)

    @staticmethod
    def backward(context, gradient):
        return torch.from_numpy(published_gradient(*context.kept, gradient.numpy())), None, None


def in_order(left, right):
    """Product (..., n, k) of (..., n, c) and (..., c, k) float32, added up in the order of c, nothing fused."""
    return sum(left[..., i, None] * right[..., None, i, :] for i in range(left.shape[-1]))


def published_clip(model, values, expected):
    """(2, v, 4) clip coordinates as the original's operations make them, to the bit."""
    v = len(model.mean)
    shape = model.mean.numpy()
    for values_of, basis in (("alpha", model.identity), ("delta", model.expression)):
        shape = shape + in_order(values[values_of][:, None], basis.numpy().reshape(len(basis), -1)).reshape(-1, v, 3)
    world = in_order(shape - values["translation"][:, None], expected["fm_euler"].swapaxes(1, 2))
    return in_order(np.concatenate([world, np.ones_like(world[..., :1])], -1), expected["fm_clip_matrix"].T)


def rendered(model, values, *, clip_is=None):
    """(parameters, clip, colours) of the grid face; clip has the values of clip_is, if given, and its own gradient."""
    parameters = {name: torch.tensor(value).float().requires_grad_() for name, value in values.items()}
    geometry = model.geometry(parameters["alpha"], parameters["delta"])
    clip = model.clip(model.posed(geometry, parameters["rotation"], parameters["translation"]))
    if clip_is is not None:
        clip = clip + (torch.tensor(clip_is) - clip).detach()
    light = parameters["gamma"].view(-1, 9, 3).mT
    return parameters, clip, model.colors(geometry, parameters["rotation"], parameters["beta"], light)


def test_pictures_and_masks_of_audiodvp(audiodvp):
    found, values, expected = audiodvp
    model = face_model(found, convention="audiodvp")
    with torch.no_grad():
        _, clip, color = rendered(model, values)
        raster = rasterize(clip, model.triangles, (256, 256))
        picture = raster.interpolated(color).clamp(0, 1).permute(0, 3, 1, 2).numpy()
        lower = rasterize(clip, model.triangles[model.lower], (256, 256))
    np.testing.assert_allclose(clip[:, ::500], expected["fm_clip_s"], atol=5e-6)
    np.testing.assert_allclose(color[:, ::500], expected["fm_color_s"], atol=5e-5)
    np.testing.assert_allclose(model.marks(clip, (256, 256)), expected["fm_landmarks"], atol=1e-4)
    for mask, published in ((raster.mask, "fm_mask"), (lower.mask, "fm_mask_lower")):
        assert (mask.numpy() != expected[published].astype(bool)).sum() <= 8  # of 34,870; the rim
    error = np.abs(picture - expected["fm_image"].astype(np.float32)).max(1)
    assert (error > 1.5e-3).mean() < 1e-3  # their half precision has steps of 5e-4; the rest is at grazing triangles


@pytest.fixture
def graded(audiodvp, shared, monkeypatch):
    """The grid face's model, values and products, its clip and ids to the bit, and the weights of the loss."""
    found, values, expected = audiodvp
    det = bfm.module(shared / "fixtures" / "voice_puppetry_audiodvp" / "det.py", monkeypatch)
    weights = [torch.tensor(det.tensor(name, shape)) for name, shape in (
        ("fm:imgweight", (2, 3, 256, 256)), ("fm:lmkweight", (2, 68, 2)))]
    mean, _, basis = bfm.grid_face(det)  # BfmModel holds metres, which costs the last bit
    model = replace(face_model(found, convention="audiodvp"), mean=torch.tensor(mean).float(), **{
        name: torch.tensor(bfm.rows(basis[short])) for name, short in (
            ("identity", "id_base"), ("expression", "exp_base"))})
    clip = published_clip(model, values, expected)
    ids = np.stack([published_shares(frame, model.triangles.numpy(), 256)[0] for frame in clip]).reshape(2, 256, 256)
    return model, values, expected, clip, torch.tensor(ids), weights


def test_gradients_of_audiodvp(graded):
    """Of all parameters, with the original's kernel between our model and our picture: everything but the kernel."""
    model, values, expected, clip_is, ids, weights = graded
    np.testing.assert_array_equal(clip_is[:, ::500], expected["fm_clip_s"])
    np.testing.assert_array_equal((ids >= 0).numpy(), expected["fm_mask"].astype(bool))
    parameters, clip, color = rendered(model, values, clip_is=clip_is)
    raster = raster_of(clip, model.triangles, ids)
    shares = torch.cat([PublishedShares.apply(frame, model.triangles.numpy(), 256) for frame in clip])
    picture = replace(raster, weights=shares[raster.pixels]).interpolated(color).clamp(0, 1).permute(0, 3, 1, 2)
    half = expected["fm_image"].astype(np.float32)
    np.testing.assert_allclose(picture.detach(), half, atol=3e-4)  # the half of a step of half precision below 1
    np.testing.assert_allclose(picture.detach()[..., ::8, ::8], expected["fm_image_f32_stride8"], atol=1e-5)
    loss = (picture * weights[0]).sum() + (model.marks(clip, (256, 256)) * weights[1]).sum()
    assert loss.item() == pytest.approx(expected["fm_loss"].item(), abs=5e-3)
    loss.backward()
    for name, value in parameters.items():
        assert apart(value.grad.numpy(), expected[f"fm_grad_{name}"][..., 0]) < 1e-4


def test_gradients_through_our_raster(graded):
    """On what the original covers, but for triangles so thin that single precision does not settle its shares."""
    model, values, _, clip_is, ids, (weight, mark_weight) = graded
    triangles = model.triangles.numpy()
    pixels = clip_is[..., :2] / clip_is[..., 3:] * 128
    sides = [pixels[:, triangles[:, i]] - pixels[:, triangles[:, 0]] for i in (1, 2)]
    area = np.abs(sides[0][..., 0] * sides[1][..., 1] - sides[0][..., 1] * sides[1][..., 0]) / 2
    thin = torch.tensor(np.take_along_axis(area, ids.numpy().reshape(2, -1), 1)).view(ids.shape) < 0.01
    thin &= ids >= 0
    assert thin.sum() < 30  # of 34,870
    weight = weight * ~thin[:, None]

    def gradients(weights_of, clip_is=None):
        parameters, clip, color = rendered(model, values, clip_is=clip_is)
        raster = weights_of(clip, raster_of(clip, model.triangles, ids))
        picture = raster.interpolated(color).clamp(0, 1).permute(0, 3, 1, 2)
        ((picture * weight).sum() + (model.marks(clip, (256, 256)) * mark_weight).sum()).backward()
        return {name: value.grad.numpy() for name, value in parameters.items()}

    def published(clip, raster):
        shares = torch.cat([PublishedShares.apply(frame, triangles, 256) for frame in clip])
        return replace(raster, weights=shares[raster.pixels])

    theirs = gradients(published, clip_is)
    for name, value in gradients(lambda clip, raster: raster).items():
        assert apart(value, theirs[name]) < 1e-3


def apart(ours, theirs):
    """How far apart two gradients are, as a part of the second's length."""
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def test_products_of_tf_mesh_renderer(deep3d, monkeypatch):
    found, fit, expected = deep3d
    import synth_bfm

    uv, picture = torch.tensor(synth_bfm.build()["uv"]).float(), synth_bfm.image()
    model = face_model(found)
    identity, expression, texture, angles, light, translation = (torch.tensor(value).float() for value in (
        fit.identity, fit.expression, fit.texture, fit.angles_rad, fit.light, fit.translation))
    geometry = model.geometry(identity, expression)
    clip = model.clip(model.posed(geometry, angles, translation))
    color = model.colors(geometry, angles, texture, light)
    np.testing.assert_allclose(color, expected["color01"], atol=1e-5)
    raster = rasterize(clip, model.triangles, (224, 224))
    mask = raster.mask.numpy()
    np.testing.assert_array_equal(mask, expected["uv_img_u8"].any(-1))
    np.testing.assert_array_equal(~mask, np.unpackbits(expected["bg_mask"]).reshape(2, 224, 224).astype(bool))
    for ours, published, slack in ((raster.interpolated(255 * uv[None]), "uv_img_u8", 0.51),
                                   ((255 * raster.interpolated(color)).clamp(0, 255), "render_u8", 1.0)):
        # They write bytes; a few pixels on an edge belong to the other triangle.
        error = np.abs(ours.numpy() - expected[published])[mask].max(-1)
        assert (error > slack).mean() < 5e-4
    # Texture: the picture looked at under every vertex, pixel middles at whole numbers; row 0 at v = 0.
    at = (clip[..., :2] / clip[..., 3:] + 1) * 112 - torch.tensor([0.0, 1.0])
    at = (at + 0.5) / 112 - 1
    laid = torch.nn.functional.grid_sample(torch.tensor(picture).float().permute(2, 0, 1)[None].expand(2, -1, -1, -1),
                                           at[:, None], align_corners=False, padding_mode="border")[:, :, 0].mT
    flat = texture_raster(uv, model.triangles, (256, 256))
    for frame in range(2):
        ours = flat.interpolated(laid[frame : frame + 1])[0].flip(0).numpy()
        covered = flat.mask[0].flip(0).numpy()
        error = np.abs(ours - expected["texture_raster_u8"][frame]).max(-1)
        np.testing.assert_array_equal(covered, expected["texture_raster_u8"][frame].any(-1))
        assert (error[covered] > 1.0).mean() < 5e-3
