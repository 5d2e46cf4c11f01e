"""Is the mouth right? PhoneLip: predicted ARKit curves against phone labels of real speech.

Curves become three measures of an average head (lip gap, mouth width, height of the lower lip, in cm, by the fixed
linear map of personare.motion.mouth). Per phone class the score asks whether lips meet for p b m, whether the lower
lip rises for f v, whether the mouth narrows for rounded vowels and opens for open ones, and whether it rests in
silence; 0 is chance, 1 perfect. All but what is named *_cm keep their value when the animation is scaled.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.arrays import checked, resample_in_time
from personare.errors import InputError
from personare.motion.mouth import measures_cm
from personare.types import Motion

RATE_HZ = 100
CLOSED = frozenset(["P", "B", "M"])
LABIODENTAL = frozenset(["F", "V"])
LIP_PHONES = CLOSED | LABIODENTAL | {"W"}
ROUND = frozenset(["UW", "OW", "W", "OY", "UY", "OE"])
SPREAD = frozenset(["IY", "IH", "EY", "EH", "AE"])
OPEN = frozenset(["AA", "AE", "AO", "AW", "AY"])
NARROW = frozenset(["IY", "IH", "UW", "UH", "T", "D", "S", "Z", "N", "K", "G", "NG", "SH", "CH", "JH", "UY"])
NOISE = frozenset(("SIL", "SPN", "SP", "NSN", ""))
# A closure may come this much before its label, and last this much after it.
EARLY_S, LATE_S = 0.03, 0.02
# Silence counts from this length on, less what lips need to come to rest beside speech.
LEAST_SILENCE_S, SETTLE_S = 0.25, 0.12


@dataclass(frozen=True, eq=False)
class Utterance:
    """One labelled recording and the motion predicted for it.

    Args:
        motion: Motion in ARKit-52 from the start of the sound.
        labels: list of (start s, end s, ARPABET phone without stress; SIL for silence), in order.
        speaker: who speaks.
    """

    motion: Motion
    labels: list
    speaker: str = ""


def read_labels(path):
    """Phone labels of a file with lines `start end PHONE`, in seconds.

    Returns:
        List of (start, end, phone).

    Raises:
        InputError: a line is not of that form, or there is none.
    """
    rows = []
    try:
        lines = Path(path).read_text(encoding="utf8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, expected="a text file of labels", got=str(error), remedy="check the path") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            start, end, phone = line.split()
            rows.append((float(start), float(end), phone.upper().rstrip("012")))
        except ValueError:
            raise InputError(path, expected="lines 'start end PHONE'", got=f"line {number}: {line.strip()[:40]!r}",
                             remedy="give times in seconds") from None
    if not rows:
        raise InputError(path, expected="at least one label", got="none", remedy="label the recording first")
    return rows


def phonelip(utterances):
    """PhoneLip of several utterances.

    Args:
        utterances: list of Utterance.

    Returns:
        dict: closure_recall, closure_precision, closure_f1, closure_auc, labiodental_auc, round_auc, open_auc,
        rest (share of silent frames with closed lips), score (0 chance .. 1 perfect), gap_p95_cm,
        share_above_12_hz (of the velocity energy of the gap), closure_lag_ms, speakers (name -> score).
    """
    found = [_collect(utterance) for utterance in utterances]
    speech_gap = np.concatenate([one["gap"][one["speech"]] for one in found])
    widest = float(np.percentile(speech_gap, 95)) if len(speech_gap) else 0.0
    speakers = sorted({utterance.speaker for utterance in utterances})
    by_speaker = {name: _score([one for one, u in zip(found, utterances, strict=True) if u.speaker == name], widest)
                  for name in speakers}
    return _score(found, widest) | {
        "gap_p95_cm": widest, "share_above_12_hz": fast_share([one["gap"] for one in found]),
        "closure_lag_ms": _closure_lag_ms(found),
        "speakers": {name: one["score"] for name, one in by_speaker.items()}}


def area_under_curve(positive, negative):
    """Probability that a value of `positive` exceeds one of `negative`, ties counting half.

    Args:
        positive, negative: (p,), (n,) float.

    Returns:
        float in 0..1; NaN where one of them is empty.
    """
    if not len(positive) or not len(negative):
        return float("nan")
    low, high = (np.searchsorted(np.sort(negative), positive, side) for side in ("left", "right"))
    return float((low + high).mean() / 2 / len(negative))


def _collect(utterance):
    """Measures of one utterance around each of its labels."""
    motion, labels = utterance.motion, utterance.labels
    frames = int(labels[-1][1] * RATE_HZ)
    measures = np.maximum(measures_cm(motion), (0, -np.inf, -np.inf))
    at = resample_in_time(measures, from_hz=motion.fps, to_hz=RATE_HZ, frame_count=frames)
    gap, width, lower = checked("measures", at, ("t", 3), dtype=np.float64).T
    one = {name: [] for name in ("closed", "unclosed", "labiodental", "unlabiodental", "round", "spread", "open",
                                 "narrow", "centres")}
    one |= {name: np.zeros(frames, bool) for name in ("near_lips", "speech", "silent")}
    phones = ["SIL", *(phone for _, _, phone in labels), "SIL"]
    for k, (start, end, phone) in enumerate(labels):
        before, after = phones[k], phones[k + 2]
        if phone in NOISE:
            if phone == "SIL" and end - start >= LEAST_SILENCE_S:
                first, last = SETTLE_S * (k > 0), SETTLE_S * (k + 1 < len(labels))
                one["silent"][_frame(start + first):max(_frame(end - last), 0)] = True
            continue
        one["speech"][_frame(start):_frame(end)] = True
        if phone in CLOSED | LABIODENTAL:
            one["near_lips"][max(_frame(start - 0.04), 0):_frame(end + 0.04)] = True
        span = slice(max(_frame(start - EARLY_S), 0), _frame(end + LATE_S) + 1)
        if len(gap[span]):
            _file(one, phone, {before, after}, gap[span].min(), lower[span].max(), (start + end) / 2)
            middle = _middle(start, end, frames)
            _file_vowel(one, phone, {before, after}, width[middle].mean(), gap[middle].max())
    return {name: np.asarray(value) for name, value in one.items()} | {"gap": gap}


def _frame(time_s):
    return round(time_s * RATE_HZ)


def _middle(start, end, frames):
    """Slice of the middle half of a phone, at least one frame."""
    first = min(max(_frame(start + 0.25 * (end - start)), 0), frames - 1)
    return slice(first, max(_frame(end - 0.25 * (end - start)) + 1, first + 1))


def _file(one, phone, neighbours, least_gap, highest_lip, centre):
    clean = not neighbours & (LIP_PHONES | NOISE)
    if phone in CLOSED:
        one["closed"].append(least_gap)
        one["centres"].append(centre)
    if phone in LABIODENTAL:
        one["labiodental"].append(highest_lip)
    if phone not in LIP_PHONES and clean:
        one["unclosed"].append(least_gap)
        one["unlabiodental"].append(highest_lip)


def _file_vowel(one, phone, neighbours, width, widest_gap):
    if phone in ROUND:
        one["round"].append(width)
    if phone in SPREAD and not neighbours & ROUND:
        one["spread"].append(width)
    if phone in OPEN:
        one["open"].append(widest_gap)
    if phone in NARROW and not neighbours & (LIP_PHONES | NOISE):
        one["narrow"].append(widest_gap)


def _score(found, widest):
    """Figures of several collected utterances; lips touch at a gap of rest + max(0.07, 0.12 * widest) cm."""
    both = {name: np.concatenate([one[name] for one in found]) for name in found[0]}
    rest_gap = float(measures_cm(_rest())[0, 0])
    touch_limit = rest_gap + max(0.07, 0.12 * widest)
    touching = both["gap"] <= touch_limit
    recall = float((both["closed"] <= touch_limit).mean()) if len(both["closed"]) else float("nan")
    shut = touching & both["speech"].astype(bool)
    precision = float(both["near_lips"][shut].mean()) if shut.any() else 0.0
    silent = both["silent"].astype(bool)
    figures = {
        "closure_recall": recall, "closure_precision": precision,
        "closure_f1": 2 * recall * precision / max(recall + precision, 1e-9),
        "closure_auc": area_under_curve(-both["closed"], -both["unclosed"]),
        "labiodental_auc": area_under_curve(both["labiodental"], both["unlabiodental"]),
        "round_auc": area_under_curve(-both["round"], -both["spread"]),
        "open_auc": area_under_curve(both["open"], both["narrow"]),
        "rest": float(touching[silent].mean()) if silent.any() else float("nan")}
    parts = [figures["closure_f1"], figures["rest"], *(2 * figures[name] - 1 for name in figures if "auc" in name)]
    known = [part for part in parts if not np.isnan(part)]
    return figures | {"score": float(np.clip(known, 0, 1).mean()) if known else float("nan")}


def _rest():
    return Motion(np.zeros((1, 52), np.float32), RATE_HZ, "arkit-52")


def fast_share(gaps):
    """Share of the velocity energy of the lip gap above 12 Hz."""
    fast = total = 0.0
    for gap in gaps:
        speed = np.diff(gap)
        energy = np.abs(np.fft.rfft(speed * np.hanning(len(speed)))) ** 2
        fast += energy[np.fft.rfftfreq(len(speed), 1 / RATE_HZ) > 12].sum()
        total += energy.sum()
    return float(fast / max(total, 1e-12))


def _closure_lag_ms(found):
    """How much later than the middle of p b m the lips are closest, on average; NaN without closures."""
    lags = np.arange(-20, 21)
    rows = [one["gap"][centre + lags] for one in found for centre in np.round(one["centres"] * RATE_HZ).astype(int)
            if 20 <= centre < len(one["gap"]) - 21]
    mean = np.mean(rows, axis=0) if rows else np.zeros(1)
    return float(lags[np.argmin(mean)] * 1000 / RATE_HZ) if np.ptp(mean) > 1e-6 else float("nan")
