"""Front ends that a recipe can be told by one word: the field's own and ours, at rates that suit networks."""

import json

from personare.audio.deepspeech import LETTERS, RATE_HZ
from personare.audio.front_ends import FrontEnd, open_front_end
from personare.errors import AssetError, InputError

# Rows a second where a front end leaves the choice.
ROWS_HZ, BANDS = 60.0, 64
_MEL = {"name": "mel", "options": {"band_count": BANDS, "rate_hz": ROWS_HZ}}
_PHONES = {"name": "phones", "scale": "root"}
# Word -> (name, options) of open_front_end.
WORDS = {
    "phones": ("joint", {"parts": [_PHONES]}),
    "mel": ("mel", _MEL["options"]),
    "phones+mel": ("joint", {"parts": [_PHONES, _MEL]}),
    "mfcc": ("mfcc", {}),
    "pcen": ("pcen", {}),
    "deepspeech": ("deepspeech", {"rate_hz": 25.0}),
    "atnet": ("atnet", {}),
    "wav2vec2": ("wav2vec2", {}),
}


def heard_through(text):
    """The FrontEnd that an option names.

    Args:
        text: a word of WORDS; "wav2vec2:FOLDER", "atnet:FOLDER" or "deepspeech:FILE" for files of your own; or JSON
            with "name" and "options", for any front end.

    Raises:
        InputError: none of those. AssetError: files it needs are missing; see front_end_named for what is let pass.
    """
    word, _, path = text.partition(":")
    if text.startswith("{"):
        try:
            asked = json.loads(text)
            return front_end_named(asked["name"], **asked.get("options", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unknown(text) from error
    if word not in WORDS or (path and word not in ("wav2vec2", "atnet", "deepspeech")):
        raise _unknown(text)
    name, options = WORDS[word]
    return front_end_named(name, **options, **({"path": path} if path else {}))


def front_end_named(name, **options):
    """open_front_end, but DeepSpeech without its network is let pass: clips may hold its rows.

    Whoever lets it hear sound then gets the AssetError that says what is missing.
    """
    try:
        return open_front_end(name, **options)
    except AssetError as error:
        if name != "deepspeech":
            raise
        missing = error
    options = {"probabilities": False, "rate_hz": 50.0} | options

    def stream():
        raise missing

    return FrontEnd(name, options, options["rate_hz"], RATE_HZ, LETTERS, 0.0, stream)


def _unknown(text):
    return InputError("front_end", expected=f"one of {', '.join(WORDS)}, or JSON with name and options", got=text[:80],
                      remedy="see docs/learn.md")
