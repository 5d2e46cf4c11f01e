"""Shapes named in any style -> a space: ARKit's columns where names say so, the file's own names behind them."""

import numpy as np

from personare.faces.rig_names import arkit_columns
from personare.spaces import ARKIT_52, Space

# Fewer ARKit names than this are chance: a set of visemes may well have one shape called jawOpen.
_FEWEST = 8


def arkit_shapes(shapes):
    """(52, v, 3) float32 ARKit shapes of a dict of shapes by name; halves add up, what nobody drives stays still.

    Args:
        shapes: name -> (v, 3) displacement; a name without a side is shared out to both.
    """
    size = next(iter(shapes.values())).shape if shapes else (0, 3)
    out = np.zeros((len(ARKIT_52), *size), np.float32)
    for name, moves in shapes.items():
        columns = arkit_columns(name)
        for column in columns:
            out[ARKIT_52.index(column)] += moves / np.float32(len(columns))
    return out


def named_shapes(shapes, name):
    """Space and (k, v, 3) float32 of a dict of shapes by name.

    Where at least 8 names are ARKit's, in any case or style, the space has all 52 of its columns, so that any speech
    drives it; other shapes follow under their own names. Else the space has the file's names as they are.

    Args:
        shapes: name -> (v, 3) displacement.
        name: of the face, for the space.
    """
    arkit = {key: moves for key, moves in shapes.items() if arkit_columns(key)}
    if len(arkit) < _FEWEST:
        return Space(f"{name}-{len(shapes)}", tuple(shapes)), np.stack([*shapes.values()]).astype(np.float32)
    own = {key: moves for key, moves in shapes.items() if key not in arkit and key not in ARKIT_52.columns}
    if not own:
        return ARKIT_52, arkit_shapes(arkit)
    stacked = np.concatenate([arkit_shapes(arkit), np.stack([*own.values()]).astype(np.float32)])
    return Space(f"{name}-{len(stacked)}", (*ARKIT_52.columns, *own)), stacked
