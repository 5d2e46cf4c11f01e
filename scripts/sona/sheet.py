"""The sheet of strands: shade and opacity of locks, scalp, brows and lashes, drawn hair by hair."""

import numba
import numpy as np

SIZE = 1024
# Places in the sheet: left, bottom, width, height in uv. Along a lock its root is at the top.
LOCKS = [(k * 0.125, 0.40, 0.125, 0.60) for k in range(8)]
SHELL = 7                       # the lock without holes
CURLS = (5, 6)                  # locks of small coils
SCALP = (0.0, 0.0, 0.38, 0.38)  # a disc seen from above, the forehead below
BROW, LASH = (0.40, 0.26, 0.58, 0.12), (0.40, 0.10, 0.58, 0.12)
LOWER_LASH = (0.40, 0.01, 0.58, 0.06)
SHADE = 0.62                    # mean shade of a strand; colours of vertices are divided by it


def place(uv, where):
    """uv (n, 2) in 0..1 brought into a place of the sheet."""
    left, bottom, width, height = where
    return np.asarray(uv) * (width, height) + (left, bottom)


@numba.njit(cache=True)
def _stroke(shade, alpha, x, y, wide, bright, opaque):
    """One hair: a polyline with a width, a brightness and an opacity at each of its points, in texels."""
    rows, columns = shade.shape
    for k in range(len(x) - 1):
        steps = max(2, int(2 * max(abs(x[k + 1] - x[k]), abs(y[k + 1] - y[k]))))
        for s in range(steps):
            f = s / steps
            cx, cy = x[k] + f * (x[k + 1] - x[k]), y[k] + f * (y[k + 1] - y[k])
            w = wide[k] + f * (wide[k + 1] - wide[k])
            o = opaque[k] + f * (opaque[k + 1] - opaque[k])
            b = bright[k] + f * (bright[k + 1] - bright[k])
            reach = int(np.ceil(1.5 * w)) + 1
            for r in range(int(cy) - reach, int(cy) + reach + 1):
                for c in range(int(cx) - reach, int(cx) + reach + 1):
                    if 0 <= r < rows and 0 <= c < columns:
                        far = ((c + 0.5 - cx) ** 2 + (r + 0.5 - cy) ** 2) ** 0.5
                        cover = min(max(w - far + 0.5, 0.0), 1.0)
                        if cover > 0:
                            shade[r, c] += cover * (b - shade[r, c])
                            alpha[r, c] = max(alpha[r, c], cover * o)


class Canvas:
    """One place of the sheet, in uv of its own; hairs are drawn on it."""

    def __init__(self, sheet, where, ground):
        left, bottom, width, height = (round(SIZE * k) for k in where)
        rows = slice(SIZE - bottom - height, SIZE - bottom)
        self.shade, self.alpha = (layer[rows, left:left + width] for layer in sheet)
        self.shade[:] = ground
        self.height, self.width = self.shade.shape

    def hair(self, u, v, *, wide, bright, opaque):
        """A hair through points u, v in 0..1; the others are numbers or as many values; widths in texels."""
        n = len(u)
        wide, bright, opaque = (np.broadcast_to(np.asarray(k, float), n).copy() for k in (wide, bright, opaque))
        _stroke(self.shade, self.alpha, np.asarray(u) * self.width, (1 - np.asarray(v)) * self.height, wide, bright,
                opaque)


def draw():
    """(SIZE, SIZE) uint8 shade and opacity."""
    rng = np.random.default_rng(7)
    sheet = np.full((SIZE, SIZE), SHADE), np.zeros((SIZE, SIZE))
    for k, where in enumerate(LOCKS):
        canvas = Canvas(sheet, where, SHADE)
        if k == SHELL:
            _lock(canvas, rng, hairs=150, thin=0.0, contrast=0.07)
            canvas.alpha[:] = 1
        elif k in CURLS:
            _coils(canvas, rng)
        else:
            _lock(canvas, rng, hairs=(64, 52, 44, 34, 16)[k], thin=(0.25, 0.35, 0.45, 0.6, 0.9)[k])
    _scalp(Canvas(sheet, SCALP, SHADE), rng)
    _brow(Canvas(sheet, BROW, SHADE), rng)
    _lash(Canvas(sheet, LASH, 0.35), rng, count=120, least=0.55)
    _lash(Canvas(sheet, LOWER_LASH, 0.35), rng, count=55, least=0.35)
    return tuple(np.rint(255 * np.clip(layer, 0, 1)).astype(np.uint8) for layer in sheet)


def _lock(canvas, rng, *, hairs, thin, contrast=0.12):
    """A lock of hairs that gather into a few tips; thin: how early they end."""
    t = np.linspace(0, 1, 14)
    tips = rng.uniform(0.2, 0.8, 5)
    for _ in range(hairs):
        at = rng.beta(1.3, 1.3)
        tip = tips[np.argmin(np.abs(tips - at) + rng.uniform(0, 0.25, 5))]
        end = 1 - rng.uniform(0, 0.55 * thin) ** 1.2
        begin = rng.uniform(0, 0.07 if thin else 0.0)
        gather = (0.15 + 0.55 * rng.random()) * t**1.6 if thin else 0 * t
        u = 0.04 + 0.92 * (at + gather * (tip - at)) + 0.012 * np.sin(rng.uniform(4, 9) * t + rng.uniform(0, 6))
        wide = (1.9 - 1.1 * t) * rng.uniform(0.7, 1.25)
        bright = np.clip(SHADE + rng.normal(0, contrast) + 0.07 * np.sin(3 * t + rng.uniform(0, 6)), 0.15, 1)
        canvas.hair(u, 1 - begin - (end - begin) * t, wide=wide, bright=bright, opaque=np.clip(3.2 * (1 - t), 0.35, 1))


def _coils(canvas, rng):
    """Small coils, for cropped curls."""
    t = np.linspace(0, 1, 90)
    for _ in range(44):
        at, turns = rng.uniform(0.12, 0.88), rng.uniform(7, 12)
        wave = 0.085 * np.sin(2 * np.pi * turns * t + rng.uniform(0, 6))
        bright = np.clip(SHADE + rng.normal(0, 0.10) + 0.22 * np.cos(2 * np.pi * turns * t), 0.1, 1)
        canvas.hair(at + wave * (1 - 0.3 * t), 1 - t * rng.uniform(0.75, 1.0), wide=2.2, bright=bright,
                    opaque=np.clip(4 * (1 - t), 0.5, 1))


def _scalp(canvas, rng):
    """Roots on the scalp: dense in the middle of the disc, single fine hairs at its rim."""
    turn, away = rng.uniform(0, 2 * np.pi, 9000), np.sqrt(rng.uniform(0, 1, 9000))
    for a, r in zip(turn, away, strict=True):
        density = np.clip((0.955 - r - 0.025 * np.sin(5 * a) - 0.015 * np.sin(17 * a)) / 0.10, 0, 1)
        if rng.random() > density:
            continue
        long = rng.uniform(0.015, 0.05)
        lean = a + rng.normal(0, 0.25)
        s = np.linspace(0, 1, 4)
        u, v = 0.5 * r * np.sin(a) + long * s * np.sin(lean), -0.5 * r * np.cos(a) - long * s * np.cos(lean)
        canvas.hair(0.5 + 0.94 * u, 0.5 + 0.94 * v, wide=1.0 - 0.5 * s, bright=np.clip(rng.normal(SHADE, 0.1), 0.2, 1),
                    opaque=(0.25 + 0.75 * density) * rng.uniform(0.5, 1.0) * (1 - 0.5 * s))
    y, x = np.indices(canvas.alpha.shape)
    r = 2 / 0.94 * np.hypot(x / canvas.width - 0.5, y / canvas.height - 0.5)
    canvas.alpha[:] = np.maximum(canvas.alpha, 0.93 * np.clip((0.90 - r) / 0.14, 0, 1) ** 1.2)


def _brow(canvas, rng):
    """A brow from the nose (left) outwards: hairs stand up at its beginning and lie down along its arch."""
    for _ in range(620):
        at = rng.uniform(0.01, 0.97)
        thick = min(1.0, 0.50 + 3.2 * at) * (1 - 0.72 * max(0.0, (at - 0.55) / 0.45))
        side = rng.normal(0, 0.36)
        if abs(side) > 0.60:
            continue
        angle = np.radians(np.interp(at, (0, 0.12, 0.4, 1), (78, 55, 25, -8)) - 34 * side) + rng.normal(0, 0.14)
        long = (0.055 + 0.020 * rng.random()) * np.interp(at, (0, 0.15, 0.6, 1), (0.65, 1.0, 1.0, 0.62))
        s = np.linspace(0, 1, 5)
        bend = angle - 0.5 * s
        u = at + long * np.cumsum(np.r_[0, np.cos(bend[1:])]) / 4
        v = 0.44 + 0.56 * side * thick + 4.2 * long * np.cumsum(np.r_[0, np.sin(bend[1:])]) / 4
        canvas.hair(u, v, wide=np.array([1.2, 1.3, 1.1, 0.8, 0.4]) * rng.uniform(0.75, 1.1),
                    bright=np.clip(rng.normal(SHADE, 0.10), 0.3, 0.95), opaque=np.array([0.85, 1, 1, 0.8, 0.3]))
    y, x = np.indices(canvas.alpha.shape)
    u, v = x / canvas.width, 1 - y / canvas.height
    thick = np.minimum(1.0, 0.50 + 3.2 * u) * (1 - 0.72 * np.clip((u - 0.55) / 0.45, 0, 1))
    soft = 0.26 * np.exp(-((v - 0.50) / (0.21 * thick + 0.02)) ** 4) * np.clip(u / 0.10, 0, 1) * (u < 0.96)
    canvas.alpha[:] = np.maximum(canvas.alpha, soft)


def _lash(canvas, rng, *, count, least):
    """Lashes from the inner corner (left) to the outer one: roots below, in tufts, each bent outwards."""
    s = np.linspace(0, 1, 7)
    for at in np.sort(rng.uniform(0.02, 0.98, count)):
        long = rng.uniform(least, 1.0) * min(1.0, 0.45 + 1.6 * at)
        lean = (0.02 + 0.06 * at) * long + rng.normal(0, 0.012)
        canvas.hair(at + lean * s**1.5, 0.02 + 0.96 * long * s, wide=2.5 * (1 - 0.75 * s), bright=0.35,
                    opaque=np.clip(1.5 * (1 - 0.6 * s), 0, 1))
    canvas.alpha[-max(2, canvas.height // 12):] = 1  # the line that their roots make
