"""What the names in a character file mean: morph targets as ARKit shapes or visemes, nodes as bones.

Names are compared by their words, so jawOpen, JawOpen, jaw_open, Jaw_Open, blendShape1.jawOpen and BS_jawOpen are
one; a side may be Left, left, _L, .L or come first, as in l_eyeBlink. Nothing is guessed from parts of words.
"""

import re

from personare.spaces import ARKIT_52

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+|[^\x00-\x7f]+")
_SIDE = {"left": "left", "right": "right", "l": "left", "r": "right", "lft": "left", "rgt": "right"}


def _listed(text):
    return frozenset(text.split())


# Words that exporters put before or after the name of a shape.
_BEFORE = _listed("bs blendshape blendshapes blend shape shapes arkit ar head face facial morph morphs target "
                    "targets morphtarget key keys exp expr expression ctrl c cc m mesh geo wolf avatar ps "
                    "perfectsync apple body fac h base d f model")
_AFTER = _listed("mesh geo shape bs morph target ncl blendshape")
_VISEME_BEFORE = _listed("viseme visemes v vrc vis ov oculus")
_VISEME_OF = {name.lower(): name for name in VISEMES} | {"i": "ih", "o": "oh", "u": "ou", "a": "aa", "ee": "E"}

# Words (without side) -> ARKit shape without its side: other tools' names for the same movement.
_ALIASES = {
    "eyesclosed": "eyeBlink", "eyeclose": "eyeBlink", "eyeclosed": "eyeBlink", "blink": "eyeBlink",
    "eyeslookup": "eyeLookUp", "eyeslookdown": "eyeLookDown", "mouthopen": "jawOpen", "openmouth": "jawOpen",
    "browraiseinner": "browInnerUp", "browraiseouter": "browOuterUp", "browdrop": "browDown",
    "cheekraise": "cheekSquint", "mouthup": "mouthShrugLower", "eyewiden": "eyeWide", "lipfunnel": "mouthFunnel",
    "lippucker": "mouthPucker", "cheekpuffs": "cheekPuff", "mouthrollinupper": "mouthRollUpper",
    "mouthrollinlower": "mouthRollLower", "mouthdownlower": "mouthLowerDown", "mouthupupper": "mouthUpperUp",
    "nosescrunch": "noseSneer", "tonguetipout": "tongueOut",
    "fcleyeclose": "eyeBlink", "まばたき": "eyeBlink",
}
# Names of vowel shapes that stand alone: VRoid, MMD.
_VOWELS = {"fclmtha": "aa", "fclmthi": "ih", "fclmthu": "ou", "fclmthe": "E", "fclmtho": "oh",
           "あ": "aa", "い": "ih", "う": "ou", "え": "E", "お": "oh"}


def words_of(name):
    """(words in lower case, side): a side word at the end or, failing that, at the start is taken out."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if len(words) > 1 and words[-1] in _SIDE:
        return words[:-1], _SIDE[words[-1]]
    if len(words) > 1 and words[0] in _SIDE:
        return words[1:], _SIDE[words[0]]
    return words, ""


def _key(name):
    words, side = words_of(name)
    return "".join(words), side


_ARKIT = {_key(name): name for name in ARKIT_52.columns}
# Names in capitals or small letters throughout have no words to part.
_JOINED = {name.lower(): name for name in ARKIT_52.columns}


def _readings(name):
    """(joined words, side) of a name: as it is, then without what exporters add before and after."""
    tail = re.split(r"[.:/|]", name)[-1] or name
    for text in dict.fromkeys((name, tail)):
        words, side = words_of(text)
        while words:
            yield "".join(words), side
            if words[-1].isdigit() or (len(words) > 1 and words[-1] in _AFTER):
                words = words[:-1]
            elif len(words) > 1 and (words[0] in _BEFORE or words[0].isdigit()):
                words = words[1:]
            else:
                break
            if not side and len(words) > 1 and words[-1] in _SIDE:
                words, side = words[:-1], _SIDE[words[-1]]
            if not side and len(words) > 1 and words[0] in _SIDE:
                words, side = words[1:], _SIDE[words[0]]


def arkit_columns(name):
    """ARKit columns that a morph target or clip of this name stands for.

    Returns:
        tuple of column names: one; both sides for a name without side, such as mouthSmile; the unsided one for
        half of it, such as browInnerUp_L; empty for any other name.
    """
    for words, side in _readings(name):
        if words in _JOINED:
            return (_JOINED[words],)
        words = _key(_ALIASES[words])[0] if words in _ALIASES else words
        if (words, side) in _ARKIT or (side and (words, "") in _ARKIT):
            return (_ARKIT.get((words, side)) or _ARKIT[words, ""],)
        if not side and (words, "left") in _ARKIT:
            return _ARKIT[words, "left"], _ARKIT[words, "right"]
    return ()


def is_exact(name, column):
    """Whether a name is that of the column but for case, underscores and what exporters add."""
    return any(key == _key(column) or key[0] == column.lower() for key in _readings(name))


def viseme_of(name, *, plain=False):
    """Viseme of VISEMES that a name stands for, or None.

    Args:
        name: of a morph target.
        plain: accept names without a word such as viseme before them; for files that use them throughout.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    joined = "".join(words)
    vowel = next((viseme for key, viseme in _VOWELS.items()
                  if joined == key or (key.startswith("fcl") and joined.endswith(key))), None)
    if vowel:
        return vowel
    if len(words) > 1 and words[-1] in _VISEME_OF and not _VISEME_BEFORE.isdisjoint(words[:-1]):
        return _VISEME_OF[words[-1]]
    last = re.split(r"[.:/|]", name)[-1].lower()
    return _VISEME_OF.get(last) if plain else None


# Bone -> words that may end a node's name, best first.
_BONES = {
    "head": ("head",), "neck": ("neck",), "leftEye": ("eye", "lefteye", "eyeball", "eyebone"),
    "rightEye": ("eye", "righteye", "eyeball", "eyebone"), "jaw": ("jaw", "jawroot", "lowerjaw", "jawbone", "ago"),
}
_BONE_BEFORE = _listed("mixamorig bip j c f adj b bone bn def org cc base ccbase armature jnt joint rig valve biped "
                         "face ctrl fk avatar")
_BONE_AFTER = _listed("bone jnt joint bn x m skin")


def _stripped(name):
    """Words and side of a node's name without what rigs add before and after."""
    words, side = words_of(name)
    words = [word for word in words if not word.isdigit()]
    while len(words) > 1:
        if not side and (words[0] in _SIDE or words[-1] in _SIDE):
            end = -1 if words[-1] in _SIDE else 0
            side = _SIDE[words.pop(end)]
        elif words[0] in _BONE_BEFORE:
            words = words[1:]
        elif words[-1] in _BONE_AFTER:
            words = words[:-1]
        else:
            break
    return words, side


def bones_of(names):
    """Bones of a face among the names of nodes.

    Args:
        names: of nodes, in the order in which the first that fits is taken.

    Returns:
        dict of "head", "neck", "leftEye", "rightEye", "jaw" -> position in names; without those that none fits.
    """
    found = {}
    for position, name in enumerate(names):
        words, side = _stripped(name)
        joined = "".join(words)
        for bone, known in _BONES.items():
            wants = bone.removesuffix("Eye") if bone.endswith("Eye") else ""
            if joined in known and side == wants:
                found.setdefault(bone, position)
    return found
