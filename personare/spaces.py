"""Named coefficient spaces: what each column of a Motion means, addressed by name everywhere."""

import difflib
from dataclasses import dataclass

from personare.errors import InputError


@dataclass(frozen=True)
class Space:
    """A named, ordered set of columns.

    Args:
        name: such as "arkit-52".
        columns: unique column names, in order.
    """

    name: str
    columns: tuple[str, ...]

    def __post_init__(self):
        if len(set(self.columns)) != len(self.columns):
            twice = sorted({c for c in self.columns if self.columns.count(c) > 1})
            raise InputError("columns", expected="unique names", got=f"repeated {twice}",
                             remedy="name every column once")

    def __len__(self):
        return len(self.columns)

    def index(self, column):
        """Position of one column.

        Raises:
            InputError: no such column; the message names the nearest.
        """
        try:
            return self.columns.index(column)
        except ValueError:
            raise unknown_name("column", column, self.columns) from None

    def indices(self, columns):
        """Positions of several columns, as a list of ints."""
        return [self.index(column) for column in columns]


def unknown_name(kind, name, known):
    """An InputError that lists the known names and the nearest one."""
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "use one of those"
    return InputError(kind, expected=f"one of {', '.join(known)}", got=f"'{name}'", remedy=hint)


# Order of Apple's shapes in Unreal's EARFaceBlendShape, which Live Link, A2F-3D and Azure TTS share.
ARKIT_52 = Space("arkit-52", (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft",
    "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight", "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose",
    "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
    "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
))

# The tongue of NVIDIA's Audio2Face-3D, in its order and with our small first letter.
TONGUE_16 = (
    "tongueTipUp", "tongueTipDown", "tongueTipLeft", "tongueTipRight", "tongueRollUp", "tongueRollDown",
    "tongueRollLeft", "tongueRollRight", "tongueUp", "tongueDown", "tongueLeft", "tongueRight", "tongueIn",
    "tongueStretch", "tongueWide", "tongueNarrow",
)
A2F_68 = Space("a2f-68", ARKIT_52.columns + TONGUE_16)

SPACES = {space.name: space for space in (ARKIT_52, A2F_68)}


def space_named(name):
    """The space of that name; a Space is returned as it is."""
    if isinstance(name, Space):
        return name
    if name not in SPACES:
        raise unknown_name("space", name, tuple(SPACES))
    return SPACES[name]
