"""A small multilingual phone inventory, and how IPA and ARPABET symbols map into it."""

import unicodedata

PHONES = (
    "SIL", "P", "B", "M", "F", "V", "W", "T", "D", "N", "S", "Z", "SH", "ZH", "CH", "JH", "TH", "DH", "L", "R",
    "K", "G", "NG", "X", "H", "J", "I", "IH", "E", "EH", "AE", "A", "AH", "AA", "AO", "O", "U", "UH", "Y", "OE",
    "AX", "ER",
)
PHONE_ID = {phone: i for i, phone in enumerate(PHONES)}
CLOSED = frozenset("PBM")
LABIODENTAL = frozenset("FV")

_ARPABET = {
    "AY": ("A", "IH"), "AW": ("A", "UH"), "OY": ("AO", "IH"), "OW": ("O", "UH"), "EY": ("E", "IH"),
    "HH": ("H",), "IY": ("I",), "UW": ("U",), "UX": ("U",), "Y": ("J",), "AXR": ("ER",), "IX": ("IH",), "DX": ("D",),
    "EL": ("AX", "L"), "EM": ("AX", "M"), "EN": ("AX", "N"), "ENG": ("NG",), "NX": ("N",), "HV": ("H",),
    "PAU": ("SIL",), "SP": ("SIL",), "SPN": ("SIL",), "NSN": ("SIL",), "H#": ("SIL",), "BRTH": ("SIL",), "": ("SIL",),
}

# One row a class: every IPA base letter that counts as it.
_IPA = {
    "P": "p", "B": "bɓʙ", "M": "m", "F": "fɸ", "V": "vʋβⱱɱ", "W": "wʍ", "T": "tʈ", "D": "dɖɗɾɽ", "N": "nɳɲ",
    "S": "s", "Z": "z", "SH": "ʃʂɕ", "ZH": "ʒʐʑ", "TH": "θ", "DH": "ð", "L": "lɫɭʎɬɮʟɺ", "R": "rɹʁʀɻ",
    "K": "kqc", "G": "ɡgɢɟɠ", "NG": "ŋɴ", "X": "xχçɣʝ", "H": "hɦħʕɧ", "J": "jɥ", "I": "i", "IH": "ɪɨᵻ",
    "E": "e", "EH": "ɛ", "AE": "æ", "A": "a", "AH": "ʌɐ", "AA": "ɑ", "AO": "ɔɒ", "O": "oɤ", "U": "uɯʉ",
    "UH": "ʊ", "Y": "yʏ", "OE": "øœɵɶ", "AX": "əɘ", "ER": "ɜɚɝɞ",
}
_LETTER = {letter: phone for phone, letters in _IPA.items() for letter in letters}
_VOWELS_OF_DIPHTHONGS = ("A", "AO", "O", "E", "EH", "AA", "AE")
_AFFRICATE = {("T", "SH"): "CH", ("D", "ZH"): "JH"}


def from_arpabet(symbol):
    """Classes of one ARPABET symbol, with or without a stress digit; a diphthong gives two.

    Args:
        symbol: such as "AY1", "hh" or "pau".

    Returns:
        tuple of class names; ("SIL",) for pauses, () for symbols that are unknown.
    """
    symbol = symbol.upper().rstrip("012")
    if symbol in _ARPABET:
        return _ARPABET[symbol]
    return (symbol,) if symbol in PHONE_ID else ()


# What a class is called where labels are in ARPABET; the others keep their names.
_TO_ARPABET = {"I": "IY", "E": "EY", "A": "AA", "O": "OW", "U": "UW", "X": "K", "H": "HH", "J": "Y", "AX": "AH",
               "Y": "UY"}


def to_arpabet(phone):
    """The ARPABET symbol nearest to a class, for scores that sort phones by it."""
    return _TO_ARPABET.get(phone, phone)


def from_ipa(symbol):
    """Classes of one IPA symbol or cluster; marks of stress, length, tone and voicing are ignored.

    Args:
        symbol: such as "ˈaɪ", "tʃ", "pʰ" or "SIL".

    Returns:
        tuple of class names in order; () for what carries no sound of its own.
    """
    if symbol.upper() in ("SIL", "", "_", "_:", "SP", "SPN"):
        return ("SIL",)
    composed = unicodedata.normalize("NFC", symbol)
    bases = [c if c in _LETTER else unicodedata.normalize("NFD", c)[0] for c in composed]
    phones = [_LETTER[c] for c in bases if c in _LETTER]
    merged = []
    for phone in phones:
        if merged and (merged[-1], phone) in _AFFRICATE:
            merged[-1] = _AFFRICATE[merged[-1], phone]
        elif not merged or merged[-1] != phone:
            merged.append(phone)
    return tuple(merged)


def spread(phones, start_s, end_s):
    """Times of the classes of one symbol: the first of two vowels takes 60 %, otherwise equal shares.

    Args:
        phones: tuple of class names, as given by from_ipa.
        start_s, end_s: the symbol's time in seconds.

    Returns:
        list of (class id, start_s, end_s).
    """
    count = len(phones)
    shares = [0.6, 0.4] if count == 2 and phones[0] in _VOWELS_OF_DIPHTHONGS else [1 / count] * count
    times, at = [], start_s
    for phone, share in zip(phones, shares, strict=True):
        stop = at + share * (end_s - start_s)
        times.append((PHONE_ID[phone], at, stop))
        at = stop
    return times
