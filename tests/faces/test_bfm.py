"""The Basel model is built as the original scripts do it, and its face shows what both conventions mean."""

import numpy as np
import pytest
from hostile import refuses, survives
from matfiles import write_mat

import personare
from personare.errors import InputError
from personare.faces.bfm import open_bfm, read_bfm, save_bfm
from personare.faces.bfm_build import SOURCES, build_bfm
from personare.faces.bfm_fit import MIRRORED_68, deep3d_geometry, deep3d_posed, lower_face, split_deep3d
from personare.spaces import AUDIODVP_64, BFM_64, DEEP3D_257
from personare.types import Motion
from tests.faces.heads import CUT, EXPRESSED, WHOLE, write_bfm


@pytest.fixture
def parts(tmp_path, rng, monkeypatch):
    """What was put into the files of a small Basel model in tmp_path."""
    return write_bfm(tmp_path, rng, monkeypatch)


def front_model(parts):
    """The arrays of BFM_model_front.mat, computed as the published script does, one step after the other."""
    front, shape = parts["front"], parts["trim"][parts["front"]]
    identity = (parts["shapePC"].astype(np.float64) * parts["shapeEV"].reshape(1, -1) / 1e5)[:, :80]
    texture = (parts["texPC"].astype(np.float64) * parts["texEV"].reshape(1, -1))[:, :80]
    expression = (parts["expressions"].reshape(79, -1).T.astype(np.float64) * parts["deviations"] / 1e5)[:, :64]
    return {"meanshape": (parts["shapeMU"].reshape(-1, 3) / 1e5)[shape].reshape(1, -1),
            "meantex": parts["texMU"].reshape(-1, 3)[shape].reshape(1, -1),
            "idBase": identity.reshape(-1, 3, 80)[shape].reshape(-1, 80),
            "exBase": expression.reshape(-1, 3, 64)[front].reshape(-1, 64),
            "texBase": texture.reshape(-1, 3, 80)[shape].reshape(-1, 80)}


def test_the_built_model_is_that_of_the_original_script(parts, tmp_path, rng):
    model, expected = build_bfm(tmp_path), front_model(parts)
    identity, expression, texture = rng.normal(size=(2, 80)), rng.normal(size=(2, 64)), rng.normal(size=(2, 80))
    shape = expected["meanshape"] + identity @ expected["idBase"].T + expression @ expected["exBase"].T
    np.testing.assert_allclose(model.geometry(identity, expression) * 10, shape.reshape(2, -1, 3), atol=1e-5)
    albedo = expected["meantex"] + texture @ expected["texBase"].T
    np.testing.assert_allclose(model.reflectance(texture) * 255, albedo.reshape(2, -1, 3), rtol=1e-5, atol=1e-3)
    assert np.array_equal(model.triangles, parts["triangles"])
    assert model.landmarks.tolist() == list(range(68))


def test_every_form_of_its_files_gives_one_face(parts, tmp_path, rng):
    motion = Motion(rng.normal(size=(3, 64)), 25, BFM_64)
    expected = personare.open_face(tmp_path).mesh(motion).vertices
    (tmp_path / "a").mkdir()
    save_bfm(build_bfm(tmp_path), tmp_path / "a" / "bfm.npz")
    model = front_model(parts) | {"tri": parts["triangles"] + 1.0, "keypoints": np.arange(1.0, 69)[None],
                                  "point_buf": build_bfm(tmp_path).incident + 1.0}
    write_mat(tmp_path / "a" / "BFM_model_front.mat", model)
    for path in ("a/bfm.npz", "a/BFM_model_front.mat", "a", "01_MorphableModel.mat"):
        np.testing.assert_allclose(personare.open_face(tmp_path / path).mesh(motion).vertices, expected, atol=1e-7)
    assert personare.open_face(f"bfm:{tmp_path / 'a'}").space is BFM_64


def test_the_face_shows_what_deep3d_means(parts, tmp_path, rng):
    """Vertices of the face under a fit's motion are the fit's own, in metres about the camera's axis."""
    values = rng.normal(size=(4, 257)) * 0.3
    values[:, :80] = values[0, :80]
    fit, model = split_deep3d(values), build_bfm(tmp_path)
    face = open_bfm(tmp_path, identity=fit.identity[0], texture=fit.texture[0])
    posed = deep3d_posed(deep3d_geometry(model, fit.identity, fit.expression), fit.angles_rad, fit.translation)
    np.testing.assert_allclose(face.mesh(fit.motion(25)).vertices, posed / 10, atol=1e-6)


def test_coefficients_are_split_by_name(rng):
    values = rng.normal(size=(3, 257)).astype(np.float32)
    motion, fit = Motion(values, 25, DEEP3D_257), split_deep3d(values)
    np.testing.assert_allclose(fit.expression[:, 5], motion.column("exp_005"))
    np.testing.assert_allclose(fit.texture[:, 79], motion.column("tex_079"))
    np.testing.assert_allclose(fit.angles_rad[:, 2], motion.column("angle_z"))
    np.testing.assert_allclose(fit.light[:, 1, 0], motion.column("gamma_009"))
    np.testing.assert_allclose(fit.translation, motion.columns(["trans_x", "trans_y", "trans_z"]))
    with pytest.raises(InputError, match=r"values: expected shape \(t, 257\)"):
        split_deep3d(values[:, :200])


def test_audiodvp_s_face_is_the_mirror_image(parts, tmp_path, rng):
    model, values = build_bfm(tmp_path), rng.normal(size=(2, 64))
    face = open_bfm(tmp_path, convention="audiodvp")
    expected = model.geometry(np.zeros((2, 80)), values) * [-1, 1, 1]
    np.testing.assert_allclose(face.mesh(Motion(values, 25, AUDIODVP_64)).vertices, expected, atol=1e-6)
    assert np.array_equal(face.surface.triangles, model.triangles[:, ::-1])
    assert sorted(MIRRORED_68) == list(range(68))
    assert np.array_equal(MIRRORED_68[MIRRORED_68], np.arange(68))


def test_the_lower_face_is_what_reaches_below_the_middle(parts, tmp_path):
    model = build_bfm(tmp_path)
    height = model.mean[model.triangles, 1].min(1)
    assert np.array_equal(lower_face(model), height < model.mean[:, 1].mean(dtype=np.float64))
    assert 0.3 < lower_face(model).mean() < 0.8


def test_missing_files_are_named_with_their_source(parts, tmp_path):
    for name in ("Exp_Pca.bin", "BFM_front_idx.mat"):
        (tmp_path / name).unlink()
    with pytest.raises(InputError, match=r"expected 6 files, got 4 of them; add Exp_Pca.bin from github.com/Juyong/.*"
                       r"BFM_front_idx.mat from github.com/sicxu/Deep3DFaceRecon_pytorch, folder BFM \(MIT\)"):
        build_bfm(tmp_path)
    with pytest.raises(InputError, match="got no folder"):
        build_bfm(tmp_path / "none")
    assert len(SOURCES) == 6


@pytest.mark.parametrize(("name", "arrays", "match"), [
    ("BFM_front_idx.mat", {"idx": np.array([[EXPRESSED + 1.0]])}, f"expected indices in 1..{EXPRESSED}"),
    ("BFM_front_idx.mat", {"other": np.ones((1, 1))}, "expected the variable idx"),
    ("BFM_exp_idx.mat", {"trimIndex": np.ones((3, 1))}, f"expected {EXPRESSED} indices, got 3"),
    ("01_MorphableModel.mat", {"shapeMU": np.ones((3, 1)), "shapePC": np.ones((3, 99)), "shapeEV": np.ones((99, 1))},
     f"expected shapePC of {3 * WHOLE} rows"),
    ("facemodel_info.mat", {"tri": np.full((2, 3), 500.0), "point_buf": np.ones((CUT, 8)),
                            "keypoints": np.ones((1, 68))}, "triangles: expected indices"),
])
def test_other_versions_are_refused(parts, tmp_path, name, arrays, match):
    write_mat(tmp_path / name, arrays)
    refuses(build_bfm, tmp_path, match)


@pytest.mark.parametrize("content", [b"", b"\x4f\x00\x00\x00", (10**9).to_bytes(4, "little") * 100, b"\xff" * 64])
def test_broken_expressions_are_refused(parts, tmp_path, content):
    (tmp_path / "Exp_Pca.bin").write_bytes(content)
    refuses(build_bfm, tmp_path, "expected a count of 64 or more modes")


def test_broken_files_give_one_error(parts, tmp_path, rng):
    save_bfm(build_bfm(tmp_path), tmp_path / "bfm.npz")
    data = (tmp_path / "bfm.npz").read_bytes()
    survives(open_bfm, tmp_path / "other.npz", data, rng, 60)
    for cut in (100, 3000, len(data) // 2):
        (tmp_path / "other.npz").write_bytes(data[:cut])
        refuses(read_bfm, tmp_path / "other.npz", "expected an .npz file|expected a Basel")


def test_options_out_of_range_are_refused(parts, tmp_path):
    with pytest.raises(InputError, match="convention: expected deep3d or audiodvp, got 'facewarehouse'"):
        open_bfm(tmp_path, convention="facewarehouse")
    with pytest.raises(InputError, match=r"identity: expected shape \(80,\), got shape \(79,\)"):
        open_bfm(tmp_path, identity=np.zeros(79))
    np.savez(tmp_path / "a.npz", x=1)
    with pytest.raises(InputError, match="make one with: personare convert bfm FOLDER"):
        read_bfm(tmp_path / "a.npz")


def test_converting_keeps_all_bases(parts, tmp_path):
    personare.api.convert_face(tmp_path, tmp_path / "out.npz", kind="bfm")
    personare.api.convert_face(tmp_path / "01_MorphableModel.mat", tmp_path / "again.npz")
    for name in ("out.npz", "again.npz"):
        assert np.array_equal(read_bfm(tmp_path / name).identity, build_bfm(tmp_path).identity)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected 6 files, got 0 of them"):
        personare.api.convert_face(tmp_path / "empty", tmp_path / "x.npz", kind="bfm")
