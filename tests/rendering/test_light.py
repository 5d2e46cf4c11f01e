import numpy as np
import pytest

from personare.errors import InputError
from personare.rendering.light import (
    LIGHTS,
    STUDIO,
    TONE_LIMIT,
    TONE_STEPS,
    Background,
    backdrop,
    lamp_table,
    light_named,
    linear,
    rolled_off,
    srgb,
    tone_table,
)


def test_srgb_and_linear_are_inverse_and_meet_the_standard():
    levels = np.arange(256)
    assert np.allclose(srgb(linear(levels)), levels)
    # Values of IEC 61966-2-1: middle grey, and both ends.
    assert linear([0, 255]).tolist() == [0, 1]
    assert linear(188)[()] == pytest.approx(0.5029, abs=1e-4)


@pytest.mark.parametrize("shoulder", [1.0, 0.75, 0.5])
def test_the_roll_off_rises_smoothly_and_leaves_the_dark_alone(shoulder):
    light = np.linspace(0, 4, 4001)
    rolled = rolled_off(light, shoulder)
    assert np.array_equal(rolled[light <= shoulder], light[light <= shoulder])
    assert (np.diff(rolled) >= 0).all()
    assert rolled.max() <= 1
    if shoulder < 1:
        slope = np.diff(rolled) / np.diff(light)
        assert np.abs(np.diff(slope)).max() < 0.01


def test_the_tone_table_is_exact_for_every_level():
    step = np.rint(linear(np.arange(256)) * TONE_STEPS / TONE_LIMIT).astype(int)
    assert np.array_equal(tone_table(1.0)[step], np.arange(256))


def test_lamps_have_unit_directions():
    table = lamp_table(STUDIO)
    assert np.allclose(np.linalg.norm(table[:, :3], axis=1), 1)
    assert np.allclose(table[0, 3:7], (*STUDIO.lamps[0].color, STUDIO.lamps[0].size_rad))


def test_the_backdrop_fades_from_the_glow_to_the_edge_without_steps():
    light = backdrop(Background((0.4, 0.4, 0.4), (0.1, 0.1, 0.1), (0.5, 0.5)), (101, 61))
    assert light.shape == (61, 101, 3)
    assert light[30, 50] == pytest.approx(0.4)
    assert 0.1 < light[0, 0, 0] < 0.2
    assert (np.diff(light[30, 50:, 0]) < 0).all()
    assert np.abs(np.diff(light, axis=1)).max() < 0.01


def test_presets_have_names_and_unknown_ones_are_named():
    assert all(light_named(name) is light and light.name == name for name, light in LIGHTS.items())
    assert light_named(STUDIO) is STUDIO
    with pytest.raises(InputError, match="expected one of studio, unlit, got 'studoi'; did you mean 'studio'"):
        light_named("studoi")
