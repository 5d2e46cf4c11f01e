"""Where things lie in the two textures: the atlas of skin, eyes and mouth, and the sheet of strands."""

import numpy as np

from sona import form, parts

SIZE = 2048              # texels along a side of the atlas
CELL = 0.25              # height of the strip of parts below the skin
# Left edge and width of each part in the strip, shares of the atlas.
PLACES = {"eye": (0.0, 0.5), "teeth_upper": (0.50, 0.12), "teeth_lower": (0.62, 0.12), "gum_upper": (0.74, 0.07),
          "gum_lower": (0.81, 0.07), "tongue": (0.88, 0.08), "caruncle": (0.96, 0.04)}
# Polar angle a from the pupil lies at radius (a / pi)^EYE_STRETCH of the eye's disc: the iris gets most of it.
EYE_STRETCH = 0.55
STRAND_PARTS = ("brows", "lashes", "scalp", "hair")  # their uv lie in the sheet of strands as they are


def layout(skin_uv, pieces):
    """(v, 2) uv of skin and parts, 0..1, from those of the skin's chart and of each part's own square."""
    rows = [skin_uv * (1, 1 - CELL) + (0, CELL)]
    for piece in pieces:
        if piece.name.split("_")[0] in STRAND_PARTS:
            rows.append(piece.uv)
            continue
        left, width = PLACES[piece.name]
        uv = eye_uv(piece) if piece.name == "eye" else piece.uv
        rows.append((uv * 0.98 + 0.01) * (width, CELL) + (left, 0.0))
    return np.clip(np.concatenate(rows), 0, 1)


def eye_polar(p):
    """Polar angle from the pupil and turn about it, of points on either eyeball."""
    offset = p * np.where(p[:, :1] < 0, (-1.0, 1.0, 1.0), 1.0) - form.EYE
    return np.arctan2(np.hypot(offset[:, 0], offset[:, 1]), offset[:, 2]), np.arctan2(offset[:, 1], offset[:, 0])


def eye_uv(piece):
    """(n, 2): two discs side by side, the left eye's first."""
    polar, turn = eye_polar(piece.p)
    # At its back the ball's sectors meet in one place, which has no direction of its own.
    sector = np.arange(len(turn)) % parts.EYE_SECTORS * 2 * np.pi / parts.EYE_SECTORS
    turn = np.where(np.sin(polar) > 1e-6, turn, sector)
    reach = 0.48 * (polar / np.pi) ** EYE_STRETCH
    uv = 0.5 + reach[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
    return uv * (0.5, 1.0) + np.where(piece.side > 0, 0.0, 0.5)[:, None] * (1, 0)
