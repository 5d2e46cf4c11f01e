"""Universal Scene Description: the face as a UsdSkel rig with blend shapes and its animation.

Text (.usda) needs no library; binary (.usdc) is converted by usd-core, an optional install. A skeleton of two joints,
`root` and `root/head`, turns the head about the face's pivot; a vertex follows it by the face's head weight, so that
linear blend skinning gives exactly the blend of docs/conventions.md. A face that is no sum of shapes is written as
vertices in every frame. Opened and baked with usd-core in tests/export/test_usd.py: the same vertices.

Source:
    Pixar, OpenUSD 26 documentation: UsdSkel schemas and API, UsdGeomMesh, UsdPreviewSurface specification.
"""

import re

import numpy as np

from personare.errors import InputError, MissingExtra, OutputError
from personare.export.meshes import checked_face, frames, vertex_colors
from personare.export.normals import vertex_normals
from personare.export.rotations import quaternions
from personare.export.textures import ALPHA_CUTOFF
from personare.store import atomic_path

# Displacements below this are dropped, as in glTF; all at once stay under 10 micrometres.
SMALLEST_SHIFT_M = 1e-7
_FRAMES = 256
_IDENTITY = "( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1) )"


def write(path, take, *, progress=None):
    """Write text (.usda).

    Args:
        path: where to.
        take: Take with a face.
        progress: called with (frames done, frames in total).

    Raises:
        InputError: no face, or a motion that is not for it.
        OutputError: the file could not be written; what was there before is unchanged.
    """
    checked_face(take, "usda")
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf8", newline="\n") as file:
        for text in scene(take, progress=progress):
            file.write(text)


def write_binary(path, take, *, progress=None):
    """Write binary (.usdc); the same scene in a third of the space.

    Args:
        path, take, progress: as for write.

    Raises:
        MissingExtra: usd-core is not installed.
        InputError, OutputError: as write.
    """
    try:
        from pxr import Sdf, Tf
    except ImportError as error:
        raise MissingExtra("writing .usdc", package="usd-core", extra="usd") from error
    checked_face(take, "usdc")
    with atomic_path(path) as temporary:
        text, binary = (temporary.with_name(temporary.name + suffix) for suffix in (".usda", ".usdc"))
        try:
            with open(text, "w", encoding="utf8", newline="\n") as file:
                for part in scene(take, progress=progress):
                    file.write(part)
            layer = Sdf.Layer.OpenAsAnonymous(str(text))
            if layer is None or not layer.Export(str(binary)):
                raise OutputError(f"{path}: usd-core could not write it; free space or choose another")
            binary.replace(temporary)
        except Tf.ErrorException as error:
            reason = str(error).splitlines()[-1][:200]
            raise OutputError(f"{path}: writing failed ({reason}); free space or choose another") from error
        finally:
            text.unlink(missing_ok=True)
            binary.unlink(missing_ok=True)


def scene(take, *, sound=None, textures=None, progress=None):
    """Pieces of the text of a scene.

    Args:
        take: Take with a face.
        sound: path of the sound inside a package; None for none.
        textures: material number -> (path of its picture inside a package, whether it has holes).
        progress: called with (frames done, frames in total).

    Yields:
        str, to be joined.
    """
    face, motion = take.face, take.motion
    yield (f'#usda 1.0\n(\n    defaultPrim = "Face"\n    doc = {_quoted(take.name)}\n    metersPerUnit = 1\n'
           f'    upAxis = "Y"\n    startTimeCode = 0\n    endTimeCode = {max(len(motion) - 1, 0)}\n'
           f"    timeCodesPerSecond = {motion.fps:.9g}\n    framesPerSecond = {motion.fps:.9g}\n)\n\n")
    yield 'def SkelRoot "Face"\n{\n'
    if hasattr(face, "targets"):
        yield from _rig(face, motion, textures or {}, progress)
    else:
        yield from _cache(take, textures or {}, progress)
    yield _materials(face.surface, textures or {})
    if sound:
        yield (f'    def SpatialAudio "Sound"\n    {{\n        uniform asset filePath = @{sound}@\n'
               '        uniform token auralMode = "nonSpatial"\n        uniform token playbackMode = "onceFromStart"\n'
               "        uniform timecode startTime = 0\n    }\n")
    yield "}\n"


def _rig(face, motion, textures, progress):
    """Skeleton, animation and mesh of a linear face."""
    shapes = face.targets(motion.frames(0, 0))
    names = _identifiers(shapes.names)
    tokens = "[" + ", ".join(_quoted(name) for name in shapes.names) + "]"
    x, y, z = (float(p) for p in face.head_pivot)
    at_pivot = f"( (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), ({x:.9g}, {y:.9g}, {z:.9g}, 1) )"
    yield ('    def Skeleton "Skeleton" (\n        prepend apiSchemas = ["SkelBindingAPI"]\n    )\n    {\n'
           '        uniform token[] joints = ["root", "root/head"]\n'
           f"        uniform matrix4d[] bindTransforms = [{_IDENTITY}, {at_pivot}]\n"
           f"        uniform matrix4d[] restTransforms = [{_IDENTITY}, {at_pivot}]\n"
           "        rel skel:animationSource = </Face/Skeleton/Animation>\n\n"
           '        def SkelAnimation "Animation"\n        {\n'
           f"            uniform token[] blendShapes = {tokens}\n"
           '            uniform token[] joints = ["root", "root/head"]\n'
           "            half3[] scales = [(1, 1, 1), (1, 1, 1)]\n")
    yield from _head_curves(face, motion)
    yield from _weight_curves(face, motion, progress)
    yield "        }\n    }\n"
    targets = ", ".join(f"</Face/Mesh/{name}>" for name in names)
    yield ('    def Mesh "Mesh" (\n        prepend apiSchemas = ["MaterialBindingAPI", "SkelBindingAPI"]\n    )\n'
           f"    {{\n        uniform token[] skel:blendShapes = {tokens}\n"
           f"        rel skel:blendShapeTargets = [{targets}]\n        rel skel:skeleton = </Face/Skeleton>\n"
           f"        matrix4d primvars:skel:geomBindTransform = {_IDENTITY}\n")
    yield _skinning(face.head_weight)
    normals = vertex_normals(face.rest, face.surface.triangles, face.surface.weld)
    yield f"        float3[] extent = {_extent(face.rest)}\n        point3f[] points = {_tuples(face.rest, 9)}\n"
    yield (f'        normal3f[] normals = {_tuples(normals, 5)} (\n            interpolation = "vertex"\n        )\n')
    yield _topology(face.surface)
    for name, shape in zip(names, shapes.shapes, strict=True):
        yield _blend_shape(name, shape, face, normals)
    yield _subsets(face.surface, textures)
    yield "    }\n"


def _head_curves(face, motion):
    """Joint channels: one value where the head rests, else one for each frame."""
    x, y, z = (f"{p:.9g}" for p in face.head_pivot)
    if motion.head_pose is None:
        yield (f"            float3[] translations = [(0, 0, 0), ({x}, {y}, {z})]\n"
               "            quatf[] rotations = [(1, 0, 0, 0), (1, 0, 0, 0)]\n")
        return
    places = face.head_pivot + motion.head_pose[:, :3, 3].astype(np.float64)
    turns = quaternions(motion.head_pose[:, :3, :3])[:, [3, 0, 1, 2]]  # UsdSkel counts w first.
    for name, layout, rows in (
            ("float3[] translations", "[(0, 0, 0), (%.9g, %.9g, %.9g)]", places),
            ("quatf[] rotations", "[(1, 0, 0, 0), (%.9g, %.9g, %.9g, %.9g)]", turns)):
        yield f"            {name}.timeSamples = {{\n"
        for start in range(0, len(rows), _FRAMES):
            yield _samples(start, rows[start:start + _FRAMES], layout)
        yield "            }\n"


def _weight_curves(face, motion, progress):
    yield "            float[] blendShapeWeights.timeSamples = {\n"
    for start in range(0, len(motion), _FRAMES):
        weights = face.targets(motion.frames(start, start + _FRAMES)).weights
        yield _samples(start, weights, "[" + ", ".join(["%.7g"] * weights.shape[1]) + "]")
        if progress:
            progress(start + len(weights), len(motion))
    yield "            }\n"


def _samples(start, rows, layout):
    """Lines "frame: value," of (t, n) rows."""
    table = np.hstack([np.arange(start, start + len(rows))[:, None], rows + 0.0])
    return (f"                %d: {layout},\n" * len(table)) % tuple(table.ravel().tolist())


def _skinning(head_weight):
    """Joint indices and weights: root and head share each vertex."""
    head = np.clip(head_weight, 0, 1).astype(np.float64)
    weights = np.stack([1 - head, head], axis=1)
    return ("        int[] primvars:skel:jointIndices = [" + ", ".join(["0, 1"] * len(head)) + "] (\n"
            '            elementSize = 2\n            interpolation = "vertex"\n        )\n'
            f"        float[] primvars:skel:jointWeights = {_numbers(weights.ravel(), 8)} (\n"
            '            elementSize = 2\n            interpolation = "vertex"\n        )\n')


def _topology(surface):
    """Triangles, texture coordinates and colours."""
    colors = vertex_colors(surface, linear=True)
    return (f"        int[] faceVertexCounts = [{', '.join(['3'] * len(surface.triangles))}]\n"
            f"        int[] faceVertexIndices = [{', '.join(map(str, surface.triangles.ravel().tolist()))}]\n"
            '        uniform token subdivisionScheme = "none"\n'
            f"        uniform bool doubleSided = {int(any(m.two_sided for m in surface.materials))}\n"
            f"        texCoord2f[] primvars:st = {_tuples(surface.uv, 6)} (\n"
            '            interpolation = "vertex"\n        )\n'
            f"        color3f[] primvars:displayColor = {_tuples(colors, 4)} (\n"
            '            interpolation = "vertex"\n        )\n')


def _blend_shape(name, shape, face, rest_normals):
    """One shape: the vertices that move, how far, and how their normals tilt."""
    moved = np.flatnonzero(np.abs(shape).max(axis=1) > SMALLEST_SHIFT_M)
    tilts = np.zeros((0, 3))
    if len(moved):
        surface = face.surface
        tilts = (vertex_normals(face.rest + shape, surface.triangles, surface.weld) - rest_normals)[moved]
    return (f'        def BlendShape "{name}"\n        {{\n'
            f"            uniform vector3f[] offsets = {_tuples(shape[moved], 7)}\n"
            f"            uniform vector3f[] normalOffsets = {_tuples(tilts, 4)}\n"
            f"            uniform int[] pointIndices = [{', '.join(map(str, moved.tolist()))}]\n        }}\n")


def _cache(take, textures, progress):
    """Mesh of a face that is no sum of shapes: its vertices in every frame."""
    yield ('    def Mesh "Mesh" (\n        prepend apiSchemas = ["MaterialBindingAPI"]\n    )\n    {\n'
           f"        float3[] extent = {_extent(take.face.neutral())}\n"
           f"        point3f[] points = {_tuples(take.face.neutral(), 9)}\n"
           "        point3f[] points.timeSamples = {\n")
    for number, vertices in frames(take):
        yield f"            {number}: {_tuples(vertices, 9)},\n"
        if progress:
            progress(number + 1, len(take.motion))
    yield "        }\n" + _topology(take.face.surface) + _subsets(take.face.surface, textures) + "    }\n"


def _subsets(surface, textures):
    """Which triangles have which material."""
    names, parts = _identifiers([material.name for material in surface.materials]), []
    for number in np.unique(surface.triangle_material).tolist():
        triangles = np.flatnonzero(surface.triangle_material == number)
        parts.append(f'        def GeomSubset "material_{names[number]}" (\n'
                     '            prepend apiSchemas = ["MaterialBindingAPI"]\n        )\n        {\n'
                     '            uniform token elementType = "face"\n'
                     '            uniform token familyName = "materialBind"\n'
                     f"            int[] indices = [{', '.join(map(str, triangles.tolist()))}]\n"
                     f"            rel material:binding = </Face/Materials/{names[number]}>\n        }}\n")
    return '        uniform token subsetFamily:materialBind:familyType = "partition"\n' + "".join(parts)


def _materials(surface, textures):
    """One preview surface for each material; colour from its texture where there is one, else from the vertices."""
    names, parts = _identifiers([material.name for material in surface.materials]), []
    for number, (name, material) in enumerate(zip(names, surface.materials, strict=True)):
        at = f"</Face/Materials/{name}"
        reader, read = ("color3f", "displayColor") if number not in textures else ("float2", "st")
        kind = "UsdPrimvarReader_float3" if reader == "color3f" else "UsdPrimvarReader_float2"
        source = f"{at}/Read.outputs:result>" if number not in textures else f"{at}/Texture.outputs:rgb>"
        out = "float3" if reader == "color3f" else "float2"
        texture, holes = _texture(at, material, *textures[number]) if number in textures else ("", "")
        parts.append(
            f'        def Material "{name}"\n        {{\n'
            f"            token outputs:surface.connect = {at}/Surface.outputs:surface>\n"
            '            def Shader "Surface"\n            {\n'
            '                uniform token info:id = "UsdPreviewSurface"\n'
            f"                color3f inputs:diffuseColor.connect = {source}\n"
            f"                float inputs:roughness = {material.roughness:.6g}\n{holes}"
            "                token outputs:surface\n            }\n"
            f'            def Shader "Read"\n            {{\n                uniform token info:id = "{kind}"\n'
            f'                string inputs:varname = "{read}"\n                {out} outputs:result\n            }}\n'
            f"{texture}        }}\n")
    return '    def Scope "Materials"\n    {\n' + "".join(parts) + "    }\n"


def _texture(at, material, path, has_holes):
    """(shader that reads a picture, what the surface says of its holes)."""
    shader = ('            def Shader "Texture"\n            {\n'
              '                uniform token info:id = "UsdUVTexture"\n'
              f"                asset inputs:file = @{path}@\n"
              '                token inputs:sourceColorSpace = "sRGB"\n'
              f"                float2 inputs:st.connect = {at}/Read.outputs:result>\n"
              f"                float4 inputs:scale = ({', '.join(f'{c:.6g}' for c in material.color)}, 1)\n"
              "                float3 outputs:rgb\n                float outputs:a\n            }\n")
    holes = (f"                float inputs:opacity.connect = {at}/Texture.outputs:a>\n"
             f"                float inputs:opacityThreshold = {ALPHA_CUTOFF}\n") if has_holes else ""
    return shader, holes


def _identifiers(names):
    """Names that a prim may have, one for each, no two alike."""
    taken, out = set(), []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        while plain in taken:
            plain += "_"
        taken.add(plain)
        out.append(plain)
    return out


def _quoted(text):
    """A string of the text format."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else " " for c in text) + '"'


def _extent(vertices):
    return _tuples(np.stack([vertices.min(axis=0), vertices.max(axis=0)]), 6)


def _numbers(values, digits):
    return "[" + ", ".join([f"%.{digits}g"] * len(values)) % tuple((values + 0.0).tolist()) + "]"


def _tuples(rows, digits):
    """[(x, y, z), ...] of (n, 2) or (n, 3) numbers."""
    rows = np.asarray(rows, np.float64) + 0.0
    if not np.isfinite(rows).all():
        raise InputError("face", expected="finite vertices", got="NaN or infinite ones", remedy="check its source")
    one = "(" + ", ".join([f"%.{digits}g"] * rows.shape[1]) + ")"
    return "[" + ", ".join([one] * len(rows)) % tuple(rows.ravel().tolist()) + "]"
