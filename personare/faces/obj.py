"""Wavefront OBJ: vertices, faces, uv and material names. Everything else in a file is passed over."""

import re
import warnings

import numpy as np

from personare.faces.polygons import MOST_VERTICES, Polygons, checked_mesh, damaged, fans

_VERTEX, _UV = re.compile(rb"^[ \t]*v[ \t]+([^\r\n#]*)", re.M), re.compile(rb"^[ \t]*vt[ \t]+([^\r\n#]*)", re.M)
_FACE = re.compile(rb"^[ \t]*(f|usemtl)[ \t]+([^\r\n#]*)", re.M)
_MOST_CORNERS = 8 * MOST_VERTICES
_MOST_MATERIALS = 1000


def read_obj(data, source="mesh.obj"):
    """Polygons of an OBJ file.

    Args:
        data: bytes.
        source: its name, for errors.

    Raises:
        InputError: damaged, without faces, or larger than a head can be.
    """
    vertices, color = _vertices(data, source)
    uv = _table(_UV, data, source, (2, 3, 1))
    corners, corners_uv, counts, material, names = _faces(data, source, len(vertices), 0 if uv is None else len(uv))
    both, owner = fans(np.stack([corners, corners_uv], 1), counts)
    vertices, triangles = checked_mesh(source, vertices, both[..., 0])
    has_uv = uv is not None and (corners_uv >= 0).any() and uv.shape[1] >= 2
    if has_uv and corners_uv.max() >= len(uv):
        raise damaged(source, f"faces that name uv {corners_uv.max()} of {len(uv)}")
    return Polygons(vertices, triangles, uv[:, :2].astype(np.float32) if has_uv else None,
                    both[..., 1].astype(np.int32) if has_uv else None, color,
                    material[owner].astype(np.int32), names)


def read_obj_vertices(data, source="mesh.obj"):
    """(v, 3) float32 vertices of an OBJ file alone.

    Raises:
        InputError: damaged, or larger than a head can be.
    """
    return checked_mesh(source, _vertices(data, source)[0])[0]


def _vertices(data, source):
    """(v, 3) float64 and (v, 3) colours or None: a line has x y z, x y z w, or x y z r g b."""
    table = _table(_VERTEX, data, source, (3, 4, 6, 7))
    if table is None:
        raise damaged(source, "no vertices")
    return table[:, :3], table[:, -3:].astype(np.float32) if table.shape[1] >= 6 else None


def _table(pattern, data, source, widths):
    """The numbers of all lines that match, (n, one of widths); None where there is no such line."""
    lines = pattern.findall(data)
    if not lines:
        return None
    if len(lines) > MOST_VERTICES:
        raise damaged(source, f"{len(lines)} vertices, where {MOST_VERTICES} are read")
    width = len(lines[0].split())
    numbers = _numbers(b"\n".join(lines))
    if width not in widths or numbers is None or numbers.size != width * len(lines):
        raise damaged(source, f"lines of {width} numbers" + " and others" * (width in widths))
    return numbers.reshape(len(lines), width)


def _numbers(text):
    """(n,) float64 of numbers between blanks; None where something else stands between them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, sep=" ")
        except (DeprecationWarning, ValueError):
            return None


def _faces(data, source, vertices, uvs):
    """Corners of all faces in a row, their uv or -1, corners a face, material a face, and material names."""
    lines, counts, material, names, current, total = [], [], [], {}, -1, 0
    for kind, line in _FACE.findall(data):
        if kind == b"usemtl":
            current = names.setdefault(line.strip(), len(names))
            continue
        if current < 0:
            current = names.setdefault(b"default", len(names))
        lines.append(line)
        counts.append(len(line.split()))
        material.append(current)
        total += counts[-1]
        if total > _MOST_CORNERS:
            raise damaged(source, f"more than {_MOST_CORNERS} corners")
    if not counts:
        raise damaged(source, "no faces")
    if len(names) > _MOST_MATERIALS:
        raise damaged(source, f"{len(names)} materials")
    index, index_uv = _corners(b"\n".join(lines), total, source)
    return (_from_zero(index, vertices), _from_zero(index_uv, uvs), counts, np.array(material),
            tuple(name.decode("utf8", "replace") for name in names))


def _corners(text, count, source):
    """(n,) vertex and (n,) uv of each corner as the file has them, 0 for none: all corners at once if of one style."""
    marks = text.translate(None, b"0123456789-").split()
    double = text.count(b"//")
    # Numbers a corner, and whether the second is its uv: v, v/vt, v/vt/vn, v//vn.
    width, has_uv = {b"": (1, False), b"/": (2, True), b"//": (2, False) if double else (3, True)}.get(
        marks[0] if marks else b"", (0, False))
    if width and len(set(marks)) <= 1 and len(marks) in (0, count) and double in (0, count):
        numbers = _numbers(text.replace(b"/", b" "))
        if numbers is not None and numbers.size == width * count and np.abs(numbers).max(initial=0) < 2**31:
            numbers = numbers.astype(np.int64).reshape(count, width)
            return numbers[:, 0], numbers[:, 1] if has_uv else np.zeros(count, np.int64)
    try:
        split = [corner.split(b"/", 2) for corner in text.split()]
        return (np.array([int(corner[0]) for corner in split], np.int64),
                np.array([int(corner[1]) if len(corner) > 1 and corner[1] else 0 for corner in split], np.int64))
    except (ValueError, OverflowError):
        raise damaged(source, "a face whose corners are no numbers") from None


def _from_zero(index, count):
    """OBJ counts from 1, or back from the end below 0; 0, which means none, becomes -1."""
    return np.where(index < 0, np.where(index + count < 0, -1, index + count), index - 1)
