"""Sentences to synthesise: words of word lists and made-up words, rich in lip sounds; no text of others."""

import numpy as np

# Onsets, vowels and codas a language's spelling allows; p b m f v w and rounded vowels are frequent on purpose.
SPELLING = {
    "en": ("p b m f v w t d n s z sh ch j th l r k g h pl br sp st fr pr bl",
           "a e i o u ee oo ai oa ou ay er", "p b m f ve t d n s l r ck ng st mp  "),
    "de": ("p b m f w t d n s sch z pf l r k g h pr bl sp st fr",
           "a e i o u ä ö ü ei au eu ie", "p b m f t n s l r ch ng st "),
    "fr": ("p b m f v t d n s z ch j l r c g pl br fr",
           "a é i o u ou eau eu oi an on in", "pe me ve te ne se le re que  "),
    "es": ("p b m f v t d n s l r c g j ch ll pr bl",
           "a e i o u ue ie ai", "n s r l m   "),
    "it": ("p b m f v t d n s l r c g pp sc pr br gl",
           "a e i o u ia uo ai", "    n r l"),
    "pt": ("p b m f v t d n s l r c g lh nh ch pr br",
           "a e i o u ão ei ou", "m s r l   "),
    "nl": ("p b m f v w t d n s z l r k g h pr bl sp st vr",
           "a e i o u aa ee oo ui eu oe ij ou", "p m f t n s l r k ng st "),
    "pl": ("p b m f w t d n s z sz cz ż l r k g ch pr br",
           "a e i o u y ą ę ó", "m p t n s l k   "),
    "tr": ("p b m f v t d n s z ş ç c l r k g h y",
           "a e ı i o ö u ü", "p m f t n ş l r k   "),
    "sv": ("p b m f v t d n s l r k g h j sp st br",
           "a e i o u y å ä ö", "p m f t n s l r k "),
    "fi": ("p m v t n s l r k h j",
           "a e i o u y ä ö aa uu oo ie uo", "n s l   "),
    "cs": ("p b m f v t d n s z š č ž l r ř k h ch",
           "a e i o u á í ou ů", "m p t n s l k   "),
    "id": ("p b m f w t d n s l r k g h ny j c",
           "a e i o u ai au", "m p t n s ng k   "),
    "ru": ("п б м ф в т д н с з ш ж ч л р к г х",
           "а е и о у ы ю я ё", "п м в т н с л р к   "),
    "el": ("π μπ μ φ β τ δ ν σ ζ λ ρ κ γ χ θ",
           "α ε ι ο ου η ω", "ς ν    "),
    "hi": ("प ब म फ व त द न स श ल र क ग ह भ च ज",
           "ा ि ी ु ू े ो ै ौ", "म न र ल    "),
    "ar": ("ب م ف و ت د ن س ش ل ر ك ق ه ج خ",
           "َا ِي ُو َ ِ ُ", "م ب ن ر ل   "),
    "ja": ("", "", ""),
    "cmn": ("", "", ""),
    "ko": ("", "", ""),
}
_KANA_TEXT = """
ぱ ば ま ふ わ ぴ び み ぷ ぶ む ぺ べ め ぽ ぼ も あ い う え お か き く け こ さ し す せ そ た ち つ て と な に ぬ
ね の は ひ へ ほ や ゆ よ ら り る れ ろ が ぎ ご ざ じ だ で ど ん
"""
_KANA = _KANA_TEXT.split()
# Initials, and the finals that may follow them.
_PINYIN_TABLE = """
b p m f: a o ei ao an ang en eng u
b p m: i iao ian in ing ie
w: a o ai ei an ang en eng u
d t n l: a e ai ao ou an ang eng i iao ie ian ing u uo ong
g k h: a e ai ei ao ou an ang en eng u uo ua uai uan ui un ong
j q x: i ia iao ie iu ian in iang ing u ue uan un
zh ch sh: a e ai ao ou an ang en eng i u uo uan ui un
z c s: a e ai ao ou an ang en i u uo uan ui un ong
r: e ao ou an ang en i u uo
y: a ao e i in ing ou u ue
"""
_PINYIN = [f"{initial}{final}{tone}" for row in _PINYIN_TABLE.split("\n")[1:-1]
           for initials, finals in [row.split(":")] for initial in initials.split() for final in finals.split()
           for tone in "1234"]
_HANGUL = [chr(0xAC00 + (i * 21 + v) * 28 + c) for i in (0, 2, 3, 5, 6, 7, 9, 11, 12, 17, 18)
           for v in (0, 1, 4, 5, 8, 13, 18, 20) for c in (0, 4, 16, 17)]


def pseudo_word(language, rng):
    """One made-up word of 1 to 4 syllables in the spelling of a language code."""
    syllables = rng.integers(1, 4)
    if language in ("ja", "cmn", "ko"):
        stock = {"ja": _KANA, "cmn": _PINYIN, "ko": _HANGUL}[language]
        return ("" if language != "cmn" else " ").join(rng.choice(stock) for _ in range(syllables + 1))
    onsets, vowels, codas = (part.split(" ") for part in SPELLING[language])
    return "".join(rng.choice(onsets) + rng.choice(vowels) + (rng.choice(codas) if rng.random() < 0.6 else "")
                   for _ in range(syllables))


def sentence(language, rng, words=(), pseudo_share=0.3):
    """One sentence of 3 to 12 words with some commas.

    Args:
        language: key of SPELLING.
        rng: numpy Generator.
        words: real words to draw from; without any, all words are made up.
        pseudo_share: share of made-up words among real ones.
    """
    said = []
    for _ in range(rng.integers(3, 13)):
        invented = not len(words) or rng.random() < pseudo_share
        said.append(pseudo_word(language, rng) if invented else str(words[rng.integers(len(words))]))
        if rng.random() < 0.12:
            said[-1] += ","
    return " ".join(said).rstrip(",") + str(np.array([".", "?", "!"])[rng.choice(3, p=[0.8, 0.13, 0.07])])
