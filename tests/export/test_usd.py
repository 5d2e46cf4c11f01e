"""Universal Scene Description: usd-core opens it, finds nothing wrong, and bakes it to the vertices of the face."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError, MissingExtra
from personare.export import usd
from personare.faces.linear import Corrective, LinearFace
from personare.types import Face, Mesh


class Bent(Face):
    """A face that is no sum of shapes."""

    name = "bent"

    def __init__(self, like):
        self.surface, self.head_weight, self.head_pivot = like.surface, like.head_weight, like.head_pivot
        self.space, self.rest = like.space, like.neutral()

    def neutral(self):
        return self.rest

    def mesh(self, motion):
        return Mesh(self.rest[None] * (1 + motion.values[:, :1, None]), self.surface.triangles)


@pytest.fixture(scope="module")
def pxr():
    """usd-core."""
    return pytest.importorskip("pxr", reason="needs usd-core, an optional install")


@pytest.fixture
def rich_take(take):
    """The take on a face that has a corrective, too."""
    face, n = take.face, 40
    moves = np.random.default_rng(1).normal(0, 0.004, (n, 3))
    corrective = Corrective(("jawOpen", "mouthPucker"), np.arange(n), moves)
    fields = {name: getattr(face, name) for name in
              ("name", "space", "surface", "rest", "shapes", "head_weight", "head_pivot")}
    return replace(take, face=LinearFace(**fields, correctives=(corrective,)))


def baked(path, count):
    """(t, v, 3) vertices after skinning and blend shapes, as usd-core computes them."""
    from pxr import Gf, Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.Open(str(path))
    assert UsdSkel.BakeSkinning(UsdSkel.Root(stage.GetDefaultPrim()), Gf.Interval(0, count - 1))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/Face/Mesh")).GetPointsAttr()
    return np.array([points.Get(i) for i in range(count)])


def complaints(path):
    """What usd-core's own validators say."""
    from pxr import Usd, UsdValidation

    validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(validators) >= 20
    stage = Usd.Stage.Open(str(path))
    return [error.GetErrorAsString() for error in UsdValidation.ValidationContext(validators).Validate(stage)]


@pytest.mark.parametrize("suffix", ["usda", "usdc"])
def test_usd_core_bakes_the_vertices_of_the_face(pxr, tmp_path, rich_take, suffix):
    path = tmp_path / f"a.{suffix}"
    {"usda": usd.write, "usdc": usd.write_binary}[suffix](path, rich_take)
    want = rich_take.face.mesh(rich_take.motion).vertices
    assert np.abs(baked(path, 60) - want).max() < 1e-6
    assert complaints(path) == []
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_head_at_rest_is_no_curve(pxr, tmp_path, take):
    still = replace(take, motion=replace(take.motion, head_pose=None))
    usd.write(tmp_path / "a.usda", still)
    assert np.abs(baked(tmp_path / "a.usda", 60) - take.face.mesh(still.motion).vertices).max() < 1e-6
    assert "rotations.timeSamples" not in (tmp_path / "a.usda").read_text()


def test_the_stage_says_its_units_rate_and_names(pxr, tmp_path, take):
    from pxr import Usd, UsdGeom, UsdSkel

    usd.write(tmp_path / "a.usda", replace(take, name='a "quoted"\\\n take'))
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    assert UsdGeom.GetStageMetersPerUnit(stage) == 1.0
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert (stage.GetTimeCodesPerSecond(), stage.GetStartTimeCode(), stage.GetEndTimeCode()) == (30, 0, 59)
    assert stage.GetRootLayer().documentation == 'a "quoted"\\  take'
    animation = UsdSkel.Animation(stage.GetPrimAtPath("/Face/Skeleton/Animation"))
    assert list(animation.GetBlendShapesAttr().Get()) == list(take.face.space.columns)
    weights = np.array([animation.GetBlendShapeWeightsAttr().Get(i) for i in range(60)])
    assert np.abs(weights - take.motion.values).max() < 1e-6


def test_a_face_that_is_no_sum_of_shapes_is_written_point_by_point(pxr, tmp_path, take):
    from pxr import Usd, UsdGeom

    take = replace(take, face=Bent(take.face))
    usd.write(tmp_path / "a.usda", take)
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    points = UsdGeom.Mesh(stage.GetPrimAtPath("/Face/Mesh")).GetPointsAttr()
    found = np.array([points.Get(i) for i in range(60)])
    assert np.array_equal(found, take.face.mesh(take.motion).vertices)
    assert complaints(tmp_path / "a.usda") == []


def test_no_frames_are_still_a_scene(pxr, tmp_path, take):
    from pxr import Usd

    usd.write(tmp_path / "a.usda", replace(take, motion=take.motion.frames(0, 0)))
    stage = Usd.Stage.Open(str(tmp_path / "a.usda"))
    assert stage.GetPrimAtPath("/Face/Mesh")


def test_binary_without_its_library_names_the_extra(tmp_path, take, monkeypatch):
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(MissingExtra, match=r"writing \.usdc needs usd-core; .*personare\[usd\]"):
        usd.write_binary(tmp_path / "a.usdc", take)
    assert list(tmp_path.iterdir()) == []


def test_a_take_without_a_face_is_refused(tmp_path, take):
    with pytest.raises(InputError, match="expected a face"):
        usd.write(tmp_path / "a.usda", replace(take, face=None))


def test_names_become_identifiers_without_meeting():
    assert usd._identifiers(["a b", "a_b", "1", "", "öl"]) == ["a_b", "a_b_", "_1", "_", "_l"]
