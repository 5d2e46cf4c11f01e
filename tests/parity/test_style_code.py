"""The style code against numbers of the original; pose within 1e-6, codes within 1e-4 of values up to 400."""

import numpy as np
import pytest

from personare.motion.style_code import angles_of, calm_pose, low_passed, quaternions, style_code


@pytest.fixture(scope="module")
def numbers(shared):
    return dict(np.load(shared / "fixtures" / "facegood_styleavatar_deep3d" / "styleavatar_style_code.npz"))


def usual(numbers):
    return {kind: np.concatenate([numbers[f"{part}_{kind[0]}"] for part in ("exp_s", "exp_d_s", "pose_d_s")])
            for kind in ("m", "s")}


def test_quaternions(numbers):
    rows = quaternions(numbers["angles"])
    np.testing.assert_allclose(rows, numbers["quaternion"], atol=1e-6)
    np.testing.assert_allclose(angles_of(rows), numbers["angles"], atol=1e-6)


def test_prepared_pose(numbers):
    angles, place = calm_pose(numbers["angles"], numbers["translation"])
    np.testing.assert_allclose(angles, numbers["angles_norm_filtered"], atol=1e-6)
    np.testing.assert_allclose(place, numbers["translation_norm_filtered"], atol=1e-6)
    for name in ("angles", "translation"):
        np.testing.assert_allclose(low_passed(numbers[name]), numbers[f"{name}_filtered"], atol=1e-6)


@pytest.mark.parametrize(("pose", "code"), [(("angles", "translation"), "style_code_raw_pose"),
                                            (("angles_norm_filtered", "translation_norm_filtered"),
                                             "style_code_norm_pose")])
def test_code(numbers, pose, code):
    head = np.concatenate([quaternions(numbers[pose[0]]), numbers[pose[1]]], axis=1)
    usually = usual(numbers)
    ours = style_code(numbers["exp"], head, formula="published", mean=usually["m"], std=usually["s"])
    assert ours.shape == (135,)
    np.testing.assert_allclose(ours, numbers[code], rtol=1e-5, atol=1e-4)
