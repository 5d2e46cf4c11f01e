"""PhoneLip tells right lips from wrong ones."""

import numpy as np
import pytest

from personare.errors import InputError
from personare.metrics.phonelip import Utterance, area_under_curve, phonelip, read_labels
from personare.motion.mouth import measures_cm
from personare.types import Motion

# Half a second of silence, then syllables of one lip phone or other consonant and one vowel each.
SYLLABLES = ["B AA", "F IY", "D UW", "M AE", "K AY", "P OW", "S EH", "V AA", "T IH", "N UW", "G AO", "Z IY"] * 3


def labels():
    rows, at = [(0.0, 0.5, "SIL")], 0.5
    for syllable in SYLLABLES:
        for phone, length in zip(syllable.split(), (0.09, 0.15), strict=True):
            rows.append((round(at, 3), round(at + length, 3), phone))
            at += length
    return [*rows, (at, at + 0.6, "SIL")]


def spoken(rows, shift=0, scale=1.0, fps=100.0):
    """A motion that does what the labels ask, shifted by some rows."""
    motion = Motion(np.zeros((int(rows[-1][1] * fps), 52), np.float32), fps, "arkit-52")
    jaw, close, pucker, roll = (np.zeros(len(motion)) for _ in range(4))
    for start, end, phone in rows:
        span = slice(int(start * fps), int(end * fps))
        jaw[span] = {"SIL": 0, "AA": 0.3, "AE": 0.3, "AO": 0.3, "AY": 0.3}.get(phone, 0.12)
        close[span] = 0.12 if phone in ("B", "M", "P") else 0
        pucker[span] = 0.6 if phone in ("UW", "OW") else 0
        roll[span] = 0.5 if phone in ("F", "V") else 0
        jaw[span] -= 0.05 * (phone in ("F", "V"))
    curves = {"jawOpen": jaw, "mouthClose": close, "mouthPucker": pucker, "mouthRollLower": roll}
    return motion.with_columns({name: scale * np.roll(curve, shift) for name, curve in curves.items()})


def test_right_lips_score_high_and_late_ones_low():
    rows = labels()
    right = phonelip([Utterance(spoken(rows), rows)])
    assert right["score"] > 0.9
    assert right["closure_recall"] == 1
    assert right["rest"] == 1
    late = phonelip([Utterance(spoken(rows, shift=33), rows)])
    assert late["score"] < right["score"] - 0.4


def test_a_shut_mouth_recalls_everything_and_scores_little():
    rows = labels()
    shut = phonelip([Utterance(spoken(rows, scale=0), rows)])
    assert shut["closure_recall"] == shut["rest"] == 1
    assert shut["labiodental_auc"] == shut["round_auc"] == shut["open_auc"] == 0.5
    assert shut["score"] < 0.3


def test_lag_is_measured_in_milliseconds():
    rows = labels()
    figures = [phonelip([Utterance(spoken(rows, shift=shift), rows)])["closure_lag_ms"] for shift in (0, 3)]
    assert figures[1] - figures[0] == pytest.approx(30, abs=10)


def test_curve_area_counts_pairs():
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 5, 40), rng.integers(0, 4, 30)
    pairs = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    assert area_under_curve(positive, negative) == pytest.approx(pairs.mean())
    assert np.isnan(area_under_curve(positive, []))


def test_mouth_measures_follow_their_shapes():
    values = np.zeros((3, 52), np.float32)
    motion = Motion(values, 30, "arkit-52").with_columns({"jawOpen": [0, 1, 1], "mouthClose": [0, 0, 1],
                                                          "mouthSmileLeft": [0, 1, 0]})
    gap, width, lower = measures_cm(motion).T
    np.testing.assert_allclose(gap, [0.081, 2.964, -0.747], atol=1e-6)
    np.testing.assert_allclose(width, [5.07, 5.206, 4.783], atol=1e-6)
    np.testing.assert_allclose(lower, [0, -3.333, 0.298], atol=1e-6)


def test_labels_are_read_and_checked(tmp_path):
    path = tmp_path / "a.lab"
    path.write_text("0 0.5 SIL\n0.5 0.6 aa1\n")
    assert read_labels(path) == [(0, 0.5, "SIL"), (0.5, 0.6, "AA")]
    path.write_text("0 0.5\n")
    with pytest.raises(InputError, match=r"line 1: '0 0\.5'"):
        read_labels(path)
    path.write_text("\n")
    with pytest.raises(InputError, match="at least one label"):
        read_labels(path)
