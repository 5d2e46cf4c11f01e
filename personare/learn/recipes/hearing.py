"""Front ends that a recipe can be told by one word: the field's own and ours, at rates that suit networks."""

import json

from personare.audio.front_ends import open_front_end
from personare.errors import InputError

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
        InputError: none of those. AssetError: files it needs are missing.
    """
    word, _, path = text.partition(":")
    if text.startswith("{"):
        try:
            asked = json.loads(text)
            return open_front_end(asked["name"], **asked.get("options", {}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _unknown(text) from error
    if word not in WORDS or (path and word not in ("wav2vec2", "atnet", "deepspeech")):
        raise _unknown(text)
    name, options = WORDS[word]
    return open_front_end(name, **options, **({"path": path} if path else {}))


def _unknown(text):
    return InputError("front_end", expected=f"one of {', '.join(WORDS)}, or JSON with name and options", got=text[:80],
                      remedy="see docs/learn.md")
