"""Footage that is kept: any picture by its number, and an order without jumps."""

import numpy as np
import pytest

from personare.errors import AssetError, InputError
from personare.portraits.reel import Reel, ReelWriter, playing_order, turning_points


def numbered(i, w=50, h=38):
    """A picture that says its number in brightness, and where its corners are."""
    picture = np.full((h, w, 3), 20 + 4 * i, np.uint8)
    picture[:8, :8] = 255
    return picture


@pytest.fixture(scope="module")
def reel(tmp_path_factory):
    path = tmp_path_factory.mktemp("reel") / "reel.mp4"
    with ReelWriter(path, (51, 37), 29.97) as writer:
        for i in range(40):
            writer.push(numbered(i, 51, 37))
    return Reel(path, (51, 37), 40)


def test_pictures_come_by_number_in_any_order(reel):
    wanted = [0, 1, 39, 38, 20, 12, 11, 24, 23, 0]
    found = list(reel.pictures(wanted))
    assert all(picture.shape == (37, 51, 3) for picture in found)
    assert [round((picture[20, 30].mean() - 20) / 4) for picture in found] == wanted
    assert found[0][2, 2].min() > 235
    assert found[0][36, 50].max() < 30


def test_a_number_that_is_not_there_is_an_error(reel):
    with pytest.raises(AssetError, match="learn the portrait again"):
        list(Reel(reel._path, (51, 37), 90).pictures([70]))


@pytest.mark.parametrize(("count", "length", "turns"), [(7, 10, (2, 8)), (95, 10, (2, 8)), (30, 10, (0, 9)),
                                                         (9, 1, (0, 0))])
def test_the_order_has_no_jump_and_stays_inside(count, length, turns):
    order = playing_order(count, length, turns)
    assert len(order) == count
    assert order[0] == 0
    assert order.min() >= 0
    assert order.max() < length
    assert (np.abs(np.diff(order)) <= 1).all()
    if count > 2 * length and length > 1:
        assert order[length:].min() == turns[0]
        assert order[length:].max() == turns[1]
        assert (np.diff(order[length:]) != 0).all()


def test_turns_are_eased_and_reach_the_turning_points():
    order = playing_order(400, 60, (3, 55), ease=8)
    np.testing.assert_array_equal(order[:50], np.arange(50))
    assert order.min() >= 0
    assert np.abs(order[60:].min() - 3) < 0.05
    assert np.abs(order.max() - 55) < 0.05
    speed = np.diff(order)
    assert np.abs(np.diff(speed)).max() < 1 / 8 + 1e-6
    assert (np.abs(speed) > 0.99).mean() > 0.6
    plain = playing_order(400, 60, (3, 55))
    assert np.abs(np.diff(np.diff(plain))).max() == 2


def test_between_two_pictures_both_are_seen(reel):
    low, between, high = (picture[20, 30].mean() for picture in reel.pictures([11, 11.5, 12]))
    assert between == pytest.approx((low + high) / 2, abs=1)
    assert high - low > 2


def test_it_turns_where_the_head_rests():
    pose = np.tile(np.eye(4), (200, 1, 1))
    way = np.concatenate([np.linspace(0, 1, 10), np.full(5, 1), np.linspace(1, 9, 170), np.full(5, 9),
                          np.linspace(9, 8, 10)])
    pose[:, 0, 3] = 0.01 * way
    first, last = turning_points(pose, 25.0)
    assert 10 <= first < 15
    assert 185 <= last < 190
    assert turning_points(pose[:30], 25.0) == (0, 29)


def test_turns_outside_are_refused():
    with pytest.raises(InputError, match=r"two numbers in 0\.\.9"):
        playing_order(30, 10, (3, 12))
