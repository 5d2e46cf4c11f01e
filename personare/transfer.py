"""Motion for another space or another face, and ARKit shapes for a head that has none."""

import warnings
from functools import lru_cache

import numpy as np

from personare.errors import InputError
from personare.motion.checks import warnings_of
from personare.motion.retarget import Transfer, can_convert
from personare.motion.retarget import convert as convert_by_names
from personare.spaces import space_named
from personare.types import Face

# MediaPipe's landmarks under the nose, and between the eyes.
_SUBNASALE, _BETWEEN_EYES = 2, 168
_HOMES = {"arkit-52": "sona", "a2f-68": "sona"}


def convert(motion, to, *, source=None, anchors=None, spring=0.01):
    """Motion as another space or face understands it.

    Names and tables decide where they can. Otherwise the vertices do: the source face is laid on the target face by
    landmarks, and each frame becomes the target's values whose vertices come nearest, lips and the distance between
    them first.

    Args:
        motion: Motion.
        to: Space, name of a space, or Face.
        source: Face that the motion is for, where vertices decide; default the built-in head for ARKit's shapes.
        anchors: ((n, 3), (n, 3)) the same landmarks on source and target, metres; default MediaPipe's, found on
            pictures of both (extra `track`).
        spring: how strongly neighbouring frames hold together, where vertices decide.

    Returns:
        (Motion, Transfer): the motion, and a report of how, how much was kept, how far off, and what looks wrong.

    Raises:
        InputError: there is no way by names, and no face is known for one of the two.
    """
    from personare.faces.bridge import order_warnings, shape_warnings

    space = to.space if isinstance(to, Face) else space_named(to)
    if set(motion.space.columns) <= set(space.columns) or can_convert(motion.space, space):
        return convert_by_names(motion, space)
    if not isinstance(to, Face):
        raise InputError("to", expected=f"a face whose shapes are the columns of {space.name}", got="its name alone",
                         remedy="name the face, as in --face flame:PATH")
    source = source or _home(motion.space)
    moved, route = convert_by_names(motion, source.space)
    joined = _joined(source, to, anchors)
    low, high = (0.0, 1.0) if _weights(space) else (-np.inf, np.inf)
    result = joined.convert(moved, low=low, high=high, spring=spring)
    error = joined.error(moved, result)
    says = (*warnings_of(motion), *shape_warnings(to), *order_warnings(joined))
    return result, Transfer(f"{route.route} + vertices", _kept(joined, moved, result), error, says)


def fitted(motion, face):
    """The motion in a space that the face understands; warns of what looks wrong on the way.

    Args:
        motion: Motion.
        face: Face.

    Returns:
        Motion.
    """
    if set(motion.space.columns) <= set(face.space.columns):
        return motion
    moved, report = convert(motion, face)
    for text in report.warnings:
        warnings.warn(text, stacklevel=2)
    return moved


def upper_share(face, *, model=None):
    """What of a face's codes is upper face: what Strengths needs where columns have no regions of their own.

    Upper is what lies above the eyes' inner corners, lower what lies below the nose, with a smooth passage between;
    the codes that come nearest to a code's upper part alone, over all vertices, are its share.

    Args:
        face: Face whose columns are codes, such as FLAME's or the Basel model's.
        model: path of MediaPipe's face_landmarker.task, which finds nose and eyes; default the user's copy.

    Returns:
        (k, k) float64, values @ share is the upper part; (k,) for a face whose columns are its vertices.

    Raises:
        InputError: no face is found on its picture. MissingExtra: mediapipe is not installed.
    """
    from personare.motion.strengths import unsplit
    from personare.tracking.anchors import linearised
    from personare.tracking.landmarks import face_landmarks

    face = getattr(face, "baked", face)
    points = face_landmarks(face, model=model)
    low, high = points[_SUBNASALE, 1], points[_BETWEEN_EYES, 1]
    if hasattr(face, "template"):
        return np.repeat(_rising(face.template[:, 1], low, high), 3)
    codes = np.flatnonzero(~unsplit(face.space.columns))
    shapes = linearised(face).shapes[codes].astype(np.float64)
    height = _rising(face.neutral()[:, 1].astype(np.float64), low, high)
    flat = shapes.reshape(len(codes), -1)
    above = (shapes * height[:, None]).reshape(len(codes), -1)
    gram = flat @ flat.T
    share = np.zeros((len(face.space), len(face.space)))
    share[np.ix_(codes, codes)] = np.linalg.solve(gram + 1e-6 * np.trace(gram) / len(codes) * np.eye(len(codes)),
                                                  flat @ above.T).T
    return share


def _rising(y, low, high):
    """0 below low, 1 above high, smooth between."""
    x = np.clip((y - low) / (high - low), 0, 1)
    return x * x * (3 - 2 * x)


def rig(face, *, template=None, model=None):
    """ARKit shapes for a head that has none, carried over from the built-in head.

    Args:
        face: Face at rest, any topology, metres, +y up, looking along +z; eyes and teeth as parts of their own move
            as they should.
        template: LinearFace whose shapes are carried; default the built-in head.
        model: path of MediaPipe's face_landmarker.task; default the user's copy.

    Returns:
        LinearFace with the template's space.

    Raises:
        InputError: no face is found on its picture, or the heads do not come together.
        MissingExtra: scipy or mediapipe is not installed.
    """
    from personare.faces.rigging import with_shapes_of
    from personare.tracking.landmarks import LIDS, common, face_landmarks

    template = template or _home(space_named("arkit-52"))
    here, there = (face_landmarks(one, model=model) for one in (template, face))
    lids = {name: there[np.array(pairs)] for name, pairs in LIDS.items()}
    lids = {name: pairs[np.isfinite(pairs).all(axis=(1, 2))] for name, pairs in lids.items()}
    return with_shapes_of(template, face, *common(here, there), lids=lids)


def _home(space):
    """The face that a space was made for."""
    from personare.faces.sona import open_sona

    if space.name not in _HOMES and not can_convert(space, "arkit-52"):
        raise InputError("source", expected=f"the face that {space.name} belongs to", got="none",
                         remedy="name it, as in --source ict:PATH")
    return open_sona()


def _weights(space):
    """Whether values are weights in 0..1, as shapes with names have them; codes of statistical models are not."""
    return can_convert(space, "arkit-52") or not space.columns[0].rstrip("0123456789").endswith("_")


@lru_cache(maxsize=8)
def _joined_by_landmarks(source, target):
    from personare.faces.bridge import bridge
    from personare.faces.registration import register
    from personare.tracking.landmarks import common, face_landmarks

    here, there = common(face_landmarks(source), face_landmarks(target))
    return bridge(source, target, register((source.neutral(), source.surface.triangles),
                                           (target.neutral(), target.surface.triangles), here, there))


def _joined(source, target, anchors):
    from personare.faces.bridge import bridge
    from personare.faces.registration import register, same_vertices

    same = same_vertices(source, target)
    if same is not None:
        return bridge(source, target, same)
    if anchors is None:
        return _joined_by_landmarks(source, target)
    return bridge(source, target, register((source.neutral(), source.surface.triangles),
                                           (target.neutral(), target.surface.triangles), *anchors))


def _kept(joined, motion, moved):
    """Share of the energy of the source's vertices that the target's follow; shapes alone, without the head pose."""
    wanted, got = motion.values - motion.values.mean(axis=0), moved.values - moved.values.mean(axis=0)
    cross = np.einsum("tm,mk,tk->", wanted, joined.cross, got, optimize=True)
    total = np.einsum("tm,mn,tn->", wanted, joined.own, wanted, optimize=True)
    left = total - 2 * cross + np.einsum("tk,kl,tl->", got, joined.gram, got, optimize=True)
    return 1.0 if total <= 0 else float(max(0.0, 1 - left / total))
