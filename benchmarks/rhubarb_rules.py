"""Mouth shapes A to H and X of phones, by the published rules of Rhubarb Lip Sync 1.13 (D. S. Wolf, MIT licence).

The rules are those of its folder rhubarb/src/animation, written anew from their description: which shapes a phone
allows, the shape nearest to the one before, vowels that reach back, timing that lets every opening and closing be
seen, pauses, and in-betweens. Left out: its search for other solutions where one shape would stand for very long.
Time is in centiseconds, as there.
"""

from itertools import pairwise

SHAPES = "ABCDEFGHX"
# From each shape the others in order of effort; in the order of SHAPES.
_NEAREST = dict(zip(SHAPES, ("AXGBCHEDF", "BGAXCHEDF", "CHBGDAXEF", "DCHBGAXEF", "ECHBGAXDF", "FBGAXCHED", "GABCHXEDF",
                             "HCBGDAXEF", "XAGBCHEDF"), strict=True))
_BASIC = dict(zip(SHAPES, "ABCDEFACA", strict=True))
_RELAXED = dict(zip(SHAPES, "ABBCCBXBX", strict=True))
_TWEENS = {"DA": ("C", "early"), "DB": ("C", "middle"), "DG": ("C", "early"), "DX": ("C", "late"),
           "CF": ("E", "middle"), "FC": ("E", "middle"), "DF": ("E", "middle"), "HF": ("E", "late"),
           "FH": ("E", "early")}
_SINGLE = {"AO": "E", "AA": "D", "IY": "B", "UW": "F", "EH": "C", "IH": "B", "UH": "F", "AE": "C", "AX": "BC",
           "CH": "BF", "JH": "BF", "F": "G", "V": "G", "TH": "BF", "DH": "BF", "S": "BF", "Z": "BF", "SH": "BF",
           "ZH": "BF", "HH": SHAPES, "M": "A", "N": "BCFH", "NG": "BCEF", "R": "BEF", "Y": "BCF", "W": "F"}
_DIPHTHONG = {"EY": ("C", "B"), "OW": ("E", "F"), "OY": ("E", "B")}
_PLOSIVE = {"P": ("A", SHAPES), "B": ("A", SHAPES), "T": ("BF", "BCDEFGH"), "D": ("BF", "BCDEFGH"),
            "K": ("BCEFH", "BCDEFGH"), "G": ("BCEFH", "BCDEFGH")}
_VOWELS = frozenset(["AO", "AA", "IY", "UW", "EH", "IH", "UH", "AH", "AE", "AX", "EY", "AY", "OW", "AW", "OY", "ER"])
_ANTICIPATION, _LEAST_SHAPE, _LEAST_SEGMENT, _MOST_EARLY = 20, 7, 8, 6


def shapes_of(phones, count):
    """The shape at each centisecond.

    Args:
        phones: list of (start s, end s, ARPABET phone without stress); SIL and gaps are pauses.
        count: centiseconds wanted.

    Returns:
        String of `count` letters.
    """
    rules = _rules([(round(100 * s), round(100 * e), p) for s, e, p in phones], count)
    return "".join(_tweens(_pauses(_timed(_rough(rules, count)))))


def _rules(phones, count):
    """List of [start, end, allowed shapes, whether a vowel], without gaps."""
    allowed, vowel, mark = ["X"] * count, [False] * count, [0] * count
    before = 0
    for number, (start, end, phone) in enumerate(phones, 1):
        for first, last, shapes in _allowed(phone, start, end, before):
            for i in range(max(first, 0), min(last, count)):
                allowed[i], vowel[i], mark[i] = shapes, phone in _VOWELS, (number, first)
        before = end - start
    rules = []
    for i in range(count):
        if rules and mark[i] == mark[i - 1] and allowed[i] == allowed[i - 1]:
            rules[-1][1] = i + 1
        else:
            rules.append([i, i + 1, allowed[i], vowel[i]])
    return rules


def _allowed(phone, start, end, before):
    length = end - start
    if phone in _PLOSIVE:
        held = min(max(before // 2, 4), 12)
        return [(start - held, start, _PLOSIVE[phone][0]), (start, end, _PLOSIVE[phone][1])]
    pair = _DIPHTHONG.get(phone)
    if phone == "AY":
        pair = ("C" if length < 20 else "D", "B")
    if phone == "AW":
        pair = ("C" if length < 30 else "D", "E")
    if pair:
        turn = start + int(0.6 * length)
        return [(start, turn, pair[0]), (turn, end, pair[1])]
    if phone == "AH":
        return [(start, end, "C" if length < 20 else "D")]
    if phone == "ER":
        return [(start, end, "BC" if length < 7 else "E")]
    if phone == "L":
        return [(start, end, "BEFH" if length < 20 else "H")]
    return [(start, end, _SINGLE[phone])] if phone in _SINGLE else []


def _closest(reference, shapes):
    return next(shape for shape in _NEAREST[reference] if shape in shapes)


def _rough(rules, count):
    """Forwards the nearest shape; backwards from each vowel with one shape, at most 0.2 s."""
    shown = ["X"] * count
    reference, last = "X", -1
    for number, (start, end, allowed, vowel) in enumerate(rules):
        shape = _closest(reference, allowed)
        shown[start:end] = [shape] * (end - start)
        if vowel and len(allowed) == 1:
            reference = shape
            for first, after, other, _ in reversed(rules[:number]):
                if first == last or start - first > _ANTICIPATION:
                    break
                earlier = _closest(reference, other)
                shown[first:after] = [earlier] * (after - first)
                if _BASIC[earlier] != _BASIC[shape]:
                    break
                reference = earlier
            last, reference = start, shape
        else:
            reference = _RELAXED[shape]
    return shown


def _runs(shown):
    """List of [start, end, value] of equal neighbours."""
    runs = []
    for i, value in enumerate(shown):
        if runs and runs[-1][2] == value:
            runs[-1][1] = i + 1
        else:
            runs.append([i, i + 1, value])
    return runs


def _timed(shown):
    """Openings and closings too short to be seen begin earlier; within each, shapes last 70 ms or more."""
    kinds = _runs(["idle" if s == "X" else "closed" if s == "A" else "open" for s in shown])
    result, write = ["X"] * len(shown), len(shown)
    number = len(kinds) - 1
    while number >= 0:
        start, end, kind = kinds[number]
        if kind == "idle":
            number -= 1
            continue
        write = min(end, write)
        if write - start >= _LEAST_SEGMENT:
            _retime(shown, (start, end), result, (start, write))
            write, number = start, number - 1
            continue
        first = number
        while first > 0 and _too_short(*kinds[first - 1]):
            first -= 1
        short = list(range(number, first - 1, -1))
        room = kinds[first - 1][1] - kinds[first - 1][0] - 1 if first > 0 else 0
        early = min(_LEAST_SEGMENT * len(short) - (end - kinds[first][0]), room, _MOST_EARLY)
        begin = kinds[first][0] - max(early, 0)
        for done, one in enumerate(short):
            length = (write - begin) // (len(short) - done)
            _retime(shown, kinds[one][:2], result, (write - length, write))
            write -= length
        number = first - 1
    return result


def _too_short(start, end, kind):
    return kind != "idle" and end - start < _LEAST_SEGMENT


def _retime(shown, source, result, target):
    """Fill the target span backwards with the shapes of the source span, each for 70 ms or more."""
    runs = _runs(shown[source[0] : source[1]])
    runs = [[source[0] + a, source[0] + b, shape] for a, b, shape in runs]
    write = target[1]
    while write > target[0]:
        low, high = _candidate(runs, target, write)
        shape, first = _reduced(runs, low, high)
        wider, _ = _reduced(runs, first, high)
        follower, _ = _reduced(runs, *_candidate(runs, target, low))
        if shape == wider or (wider != shape and wider != follower):
            shape, low = wider, first
        if low <= runs[0][0]:
            low = min(low, target[0])
        low = max(min(low, write - 1), target[0])
        result[low:write] = [shape] * (write - low)
        write = low


def _candidate(runs, target, write):
    left = write - target[0]
    length = _LEAST_SHAPE if left <= _LEAST_SHAPE or left >= 2 * _LEAST_SHAPE else left // 2
    low, high = write - length, write
    if write == target[1]:
        high = max(high, runs[-1][1])
    if low >= runs[-1][1]:
        low = runs[-1][0]
    if high <= runs[0][0]:
        high = runs[0][1]
    return low, high


def _reduced(runs, low, high):
    """(shape that lasts longest between low and high, start of the first shape there)."""
    weights, first = {}, None
    for start, end, shape in runs:
        common = min(end, high) - max(start, low)
        if common > 0:
            weights[shape] = weights.get(shape, 0) + common
            first = start if first is None else first
    if not weights:
        return runs[0][2], runs[0][0]
    best = max(sorted(weights), key=weights.get)
    return ("D" if best == "C" and "D" in weights else best), first


def _pauses(shown):
    """Very short pauses hold the shape before, short ones relax it."""
    runs, result = _runs(shown), list(shown)
    for before, (start, end, shape), after in zip(runs, runs[1:], runs[2:], strict=False):
        if shape != "X" or end - start > 35:
            continue
        pause = before[2]
        if end - start >= 12:
            pause = _relaxed_pause(before[2], after[2])
        result[start:end] = [pause] * (end - start)
    return result


def _relaxed_pause(before, after):
    shape = before
    while True:
        relaxed = _RELAXED[shape]
        if relaxed != after:
            return relaxed
        if relaxed == shape:
            return "X"
        shape = relaxed


def _tweens(shown):
    """In-betweens of 40 to 80 ms where the mouth has far to go."""
    runs, result = _runs(shown), list(shown)
    for (start, turn, first), (_, end, second) in pairwise(runs):
        if first + second not in _TWEENS:
            continue
        shape, place = _TWEENS[first + second]
        one, other = turn - start, end - turn
        length = min({"early": one // 3, "middle": min(one, other) // 4, "late": other // 3}[place], 8)
        if length >= 4:
            low = {"early": turn - length, "middle": turn - length // 2, "late": turn}[place]
            result[low : low + length] = [shape] * length
    return result
