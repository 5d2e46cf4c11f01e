"""Morph targets of a .glb: which rows are worth their bytes, and in which numbers they are written."""

from dataclasses import dataclass

import numpy as np

# Displacements below this are dropped; 52 of them at once still stay under 10 micrometres.
SMALLEST_SHIFT_M = 1e-7
# A change of a normal below this (0.6 degrees) cannot be seen and is dropped.
SMALLEST_TILT = 1e-2
# Beyond this many bytes of targets, steps of 1 / 32767 m and 1 / 127 replace floats (KHR_mesh_quantization): the head
# of ICT-FaceKit then takes 5.5 MB in place of 12. No displacement is wrong by more than half a step, 15 micrometres.
# The built-in head stays below, because some programs do not read that extension.
LARGEST_PLAIN = 5 << 20
SHIFT_STEP_M, TILT_STEP = 1 / 32767, 1 / 127
EXTENSION = "KHR_mesh_quantization"
_ROW_BYTES = 14  # three floats, and the number of the vertex


@dataclass(frozen=True, eq=False)
class Shapes:
    """Displacements and changes of normals, ready to be written.

    Args:
        moves: (k, v, 3) float32 metres, or int16 in steps of 1 / 32767 m.
        tilts: (k, v, 3) float32, or int8 in steps of 1 / 127.
    """

    moves: np.ndarray
    tilts: np.ndarray

    @property
    def packed(self):
        """Whether they are whole numbers, which the file has to say it requires."""
        return self.moves.dtype != np.float32

    def add(self, buffer, shape, vertices):
        """Accessors of one shape for some vertices, as a glTF target."""
        least = (0, 0) if self.packed else (SMALLEST_SHIFT_M, SMALLEST_TILT)
        return {"POSITION": buffer.add_sparse(self.moves[shape, vertices], least[0], bounds=True),
                "NORMAL": buffer.add_sparse(self.tilts[shape, vertices], least[1])}


def pack_shapes(moves, tilts):
    """The Shapes of displacements: as they are where they are few, in steps where they are many.

    Args:
        moves: (k, v, 3) float32 metres.
        tilts: (k, v, 3) float32, change of each normal.
    """
    rows = int((np.abs(moves).max(2) > SMALLEST_SHIFT_M).sum() + (np.abs(tilts).max(2) > SMALLEST_TILT).sum())
    if rows * _ROW_BYTES <= LARGEST_PLAIN:
        return Shapes(moves, tilts)
    shift, tilt = np.rint(moves / SHIFT_STEP_M), np.rint(tilts / TILT_STEP)
    # A change of a normal is at most 2, but the format knows no more than 1: such a corner is a fold, not a surface.
    return Shapes(np.clip(shift, -32767, 32767).astype(np.int16), np.clip(tilt, -127, 127).astype(np.int8))
