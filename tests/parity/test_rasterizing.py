"""The differentiable renderer against AudioDVP's kernel and tf_mesh_renderer, run on models that a formula makes."""

import importlib.util
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


def published_ids(clip, triangles, size):
    """(size, size) triangles by the rule of AudioDVP's kernel in single precision, one after the other, -1 for none.

    Unnormalised edge functions at -1e-5 or more, whatever the size of the triangle: slivers grow by that.
    """
    single = np.float32
    corners = clip.astype(single)[triangles]
    x, y, w = corners[..., 0], corners[..., 1], corners[..., 3]
    rows = [np.stack([y[:, j] * w[:, k] - y[:, k] * w[:, j], w[:, j] * x[:, k] - w[:, k] * x[:, j],
                      x[:, j] * y[:, k] - x[:, k] * y[:, j]], -1) for j, k in ((1, 2), (2, 0), (0, 1))]
    rows = np.stack(rows, 1)
    sign = x[:, 0] * rows[:, 0, 0] + y[:, 0] * rows[:, 0, 1] + w[:, 0] * rows[:, 0, 2]
    rows[sign < 0] *= -1
    pixels = (np.stack([x, y], -1) / w[..., None] + single(1)) * single(size / 2)
    low = np.clip(np.floor(pixels.min(1)), 0, size).astype(int)
    spans = np.clip(np.ceil(pixels.max(1)), 0, size).astype(int) - low
    count = spans.prod(1)
    own = np.repeat(np.arange(len(corners)), count)
    step = np.arange(len(own)) - np.repeat(np.cumsum(count) - count, count)
    at = np.stack([low[own, 0] + step % spans[own, 0], low[own, 1] + step // spans[own, 0]], -1)
    place = (at.astype(single) + single(0.5)) / single(size / 2) - single(1)
    edges = rows[own, :, 0] * place[:, :1] + rows[own, :, 1] * place[:, 1:] + rows[own, :, 2]
    inside = (edges >= single(-1e-5)).all(1) & (edges > 0).any(1)
    own, at, edges = own[inside], at[inside], edges[inside]
    share = edges / edges.sum(1, keepdims=True)
    z = (share * corners[own, :, 2]).sum(1) / (share * corners[own, :, 3]).sum(1)
    pixel = at[:, 1] * size + at[:, 0]
    order = np.lexsort((-own, z, pixel))  # of two at one depth the later one stays
    first = np.unique(pixel[order], return_index=True)[1]
    out = np.full(size * size, -1)
    out[pixel[order][first]] = own[order][first]
    return out.reshape(size, size)


def rendered(model, values, *, noise=None, published=False):
    """(parameters, clip, raster, colours) of the grid face; noise of one unit in the last place of clip, if given."""
    parameters = {name: torch.tensor(value).float().requires_grad_() for name, value in values.items()}
    geometry = model.geometry(parameters["alpha"], parameters["delta"])
    clip = model.clip(model.posed(geometry, parameters["rotation"], parameters["translation"]))
    if noise is not None:
        clip = clip * (1 + torch.tensor(noise.integers(-1, 2, tuple(clip.shape))).float() * 2**-23)
    light = parameters["gamma"].view(-1, 9, 3).mT
    color = model.colors(geometry, parameters["rotation"], parameters["beta"], light)
    if not published:
        return parameters, clip, rasterize(clip, model.triangles, (256, 256)), color
    ids = [published_ids(frame, model.triangles.numpy(), 256) for frame in clip.detach().numpy()]
    return parameters, clip, raster_of(clip, model.triangles, torch.tensor(np.stack(ids))), color


def test_pictures_and_masks_of_audiodvp(audiodvp):
    found, values, expected = audiodvp
    model = face_model(found, convention="audiodvp")
    with torch.no_grad():
        _, clip, raster, color = rendered(model, values)
        picture = raster.interpolated(color).clamp(0, 1).permute(0, 3, 1, 2).numpy()
        lower = rasterize(clip, model.triangles[model.lower], (256, 256))
    np.testing.assert_allclose(clip[:, ::500], expected["fm_clip_s"], atol=5e-6)
    np.testing.assert_allclose(color[:, ::500], expected["fm_color_s"], atol=5e-5)
    np.testing.assert_allclose(model.marks(clip, (256, 256)), expected["fm_landmarks"], atol=1e-4)
    for mask, published in ((raster.mask, "fm_mask"), (lower.mask, "fm_mask_lower")):
        assert (mask.numpy() != expected[published].astype(bool)).sum() <= 8  # of 34,870; the rim
    error = np.abs(picture - expected["fm_image"].astype(np.float32)).max(1)
    assert (error > 1.5e-3).mean() < 1e-3  # their half precision has steps of 5e-4; the rest is at grazing triangles


def test_gradients_of_audiodvp(audiodvp, shared, monkeypatch):
    """Of all parameters, under the original's own rule of what is covered, to within what one bit of it changes.

    The loss weighs every pixel at random, so the gradients of geometry are those of the few slivers at the rim, which
    single precision does not settle: one unit in the last place of clip moves them by what separates us.
    """
    found, values, expected = audiodvp
    det = bfm.module(shared / "fixtures" / "voice_puppetry_audiodvp" / "det.py", monkeypatch)
    model = face_model(found, convention="audiodvp")
    weights = [torch.tensor(det.tensor(name, shape)) for name, shape in (
        ("fm:imgweight", (2, 3, 256, 256)), ("fm:lmkweight", (2, 68, 2)))]

    def gradients(noise=None):
        parameters, clip, raster, color = rendered(model, values, noise=noise, published=True)
        picture = raster.interpolated(color).clamp(0, 1).permute(0, 3, 1, 2)
        loss = (picture * weights[0]).sum() + (model.marks(clip, (256, 256)) * weights[1]).sum()
        loss.backward()
        return loss.item(), {name: value.grad.numpy() for name, value in parameters.items()}

    loss, ours = gradients()
    assert loss == pytest.approx(expected["fm_loss"].item(), abs=0.5)
    spread = [gradients(np.random.default_rng(seed))[1] for seed in (0, 1)]
    for name, value in ours.items():
        theirs = expected[f"fm_grad_{name}"][..., 0]
        noise = max(np.linalg.norm(other[name] - value) for other in spread)
        assert np.linalg.norm(value - theirs) < 2.5 * noise
        assert np.vdot(value, theirs) > 0.94 * np.linalg.norm(value) * np.linalg.norm(theirs)


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
