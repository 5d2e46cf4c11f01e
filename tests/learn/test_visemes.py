"""Targets from phones: lips meet on p b m, teeth on f v, rest in pauses, rounding and opening in order."""

import numpy as np
import pytest

from personare.learn.phones import PHONE_ID, from_arpabet, from_ipa, spread
from personare.learn.visemes import IS_OPENING, POSE, dominance, targets
from personare.motion.lips import LOWER_CM, WIDTH_CM, constrain, lip_gap_cm

RATE_HZ = 60


def mouth(*phones, length_s=0.09):
    """(t, 18) curves of 0.4 s silence, the phones, 0.4 s silence; and a function phone number -> its frames."""
    ids = [PHONE_ID[phone] for phone in phones]
    starts = 0.4 + length_s * np.arange(len(ids))
    count = int((0.8 + length_s * len(ids)) * RATE_HZ)
    curves, gates, _ = targets(ids, starts, starts + length_s, frame_count=count, rate_hz=RATE_HZ)
    def frames(i):
        return slice(int(starts[i] * RATE_HZ), int((starts[i] + length_s) * RATE_HZ) + 1)

    return constrain(curves, gates), frames


@pytest.mark.parametrize("phone", ["P", "B", "M"])
@pytest.mark.parametrize("vowel", ["AA", "I", "U"])
def test_lips_meet_between_any_vowels(phone, vowel):
    curves, frames = mouth("T", vowel, phone, vowel, "T")
    gap = lip_gap_cm(curves)
    assert gap[frames(2)].min() < 0.01
    assert gap[frames(1)].max() > 0.2


@pytest.mark.parametrize("phone", ["F", "V"])
def test_the_lower_lip_rises_to_the_teeth(phone):
    curves, frames = mouth("K", "AA", phone, "AA", "K")
    low = curves @ LOWER_CM
    assert low[frames(2)].max() > 0.1 > low[frames(1)].max()


def test_vowels_stand_in_order_of_opening_and_rounding():
    peaks, widths = {}, {}
    for vowel in ("AA", "EH", "I", "U"):
        curves, frames = mouth("T", vowel, "T", length_s=0.12)
        peaks[vowel], widths[vowel] = lip_gap_cm(curves)[frames(1)].max(), (curves @ WIDTH_CM)[frames(1)].mean()
    assert peaks["AA"] > peaks["EH"] > peaks["I"]
    assert widths["U"] < widths["AA"] < widths["I"]


def test_rounding_begins_before_its_vowel():
    rounded, frames = mouth("I", "T", "U")
    spread_, _ = mouth("I", "T", "I")
    assert (rounded @ WIDTH_CM)[frames(1)].mean() < (spread_ @ WIDTH_CM)[frames(1)].mean() - 0.05


def test_pauses_are_rest():
    curves, _ = mouth("B", "AA", "B")
    assert np.abs(curves[:12]).max() < 1e-3
    assert np.abs(curves[-12:]).max() < 1e-3


def test_curves_are_the_shares_of_phones_times_their_poses():
    ids, starts = [PHONE_ID[phone] for phone in ("T", "U", "K", "A")], np.array([0.2, 0.3, 0.42, 0.5])
    settings = {"frame_count": 50, "rate_hz": RATE_HZ}
    opening, width = dominance(ids, starts, starts + 0.08, **settings)
    curves, _, phones = targets(ids, starts, starts + 0.08, **settings)
    np.testing.assert_allclose(opening.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(width.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(np.where(IS_OPENING, opening @ POSE, width @ POSE), curves, atol=1e-6)
    assert opening[:, PHONE_ID["A"]].argmax() in np.flatnonzero(phones == PHONE_ID["A"])


def test_no_speech_is_rest():
    curves, gates, phones = targets([], [], [], frame_count=30, rate_hz=RATE_HZ)
    assert np.abs(constrain(curves, gates)).max() == 0
    assert (phones == PHONE_ID["SIL"]).all()


@pytest.mark.parametrize(("symbol", "phones"), [
    ("ˈaɪ", ("A", "IH")), ("tʃ", ("CH",)), ("pʰ", ("P",)), ("ç", ("X",)), ("ɔ̃", ("AO",)), ("ã", ("A",)), ("iː", ("I",)),
    ("ts", ("T", "S")), ("pf", ("P", "F")), ("ʔ", ()), ("SIL", ("SIL",))])
def test_ipa(symbol, phones):
    assert from_ipa(symbol) == phones


@pytest.mark.parametrize(("symbol", "phones"), [
    ("AY1", ("A", "IH")), ("hh", ("H",)), ("pau", ("SIL",)), ("B", ("B",)), ("?", ())])
def test_arpabet(symbol, phones):
    assert from_arpabet(symbol) == phones


def test_a_diphthong_dwells_on_its_first_vowel():
    (first, start, middle), (second, _, end) = spread(("A", "IH"), 1.0, 1.1)
    assert (first, second) == (PHONE_ID["A"], PHONE_ID["IH"])
    assert (start, round(middle, 6), end) == (1.0, 1.06, 1.1)
