"""The tables of a glTF 2.0 document, typed: what a reader may rely on once decoding has succeeded.

Only what a face needs is listed; other fields are skipped here and kept in the raw document. Indices are whole
numbers of 0 or more, but whether they lie within their table is for the reader to check.

Source:
    Khronos Group, glTF 2.0 specification, section 5, and KHR_texture_transform.
"""

from typing import Annotated, Any

import msgspec

Index = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]
Vec2 = tuple[float, float]
Vec3 = tuple[float, float, float]
Vec4 = tuple[float, float, float, float]


class _Row(msgspec.Struct, frozen=True, rename="camel", gc=False):
    pass


class Buffer(_Row):
    """Raw bytes: those of the binary chunk where there is no uri."""

    byte_length: Bytes
    uri: str | None = None


class BufferView(_Row):
    """A stretch of a buffer."""

    buffer: Index
    byte_length: Bytes
    byte_offset: Bytes = 0
    byte_stride: Bytes | None = None
    extensions: dict[str, Any] = {}


class SparseIndices(_Row):
    """Which rows of a sparse accessor differ."""

    buffer_view: Index
    component_type: int
    byte_offset: Bytes = 0


class SparseValues(_Row):
    """What those rows hold."""

    buffer_view: Index
    byte_offset: Bytes = 0


class Sparse(_Row):
    """Rows that differ from those of the buffer view, or from zero."""

    count: Annotated[int, msgspec.Meta(ge=1)]
    indices: SparseIndices
    values: SparseValues


class Accessor(_Row):
    """A typed array in a buffer view."""

    component_type: int
    count: Annotated[int, msgspec.Meta(ge=1)]
    type: str
    buffer_view: Index | None = None
    byte_offset: Bytes = 0
    normalized: bool = False
    sparse: Sparse | None = None


class Primitive(_Row):
    """A part of a mesh with one material."""

    attributes: dict[str, Index]
    indices: Index | None = None
    material: Index | None = None
    mode: int = 4
    targets: list[dict[str, Index]] = []
    extensions: dict[str, Any] = {}
    extras: Any = None


class Mesh(_Row):
    """Primitives that share their morph weights."""

    primitives: Annotated[list[Primitive], msgspec.Meta(min_length=1)]
    name: str = ""
    weights: list[float] = []
    extras: Any = None


class Node(_Row):
    """A place in the scene, with what hangs there."""

    name: str = ""
    children: list[Index] = []
    mesh: Index | None = None
    skin: Index | None = None
    matrix: Annotated[list[float], msgspec.Meta(min_length=16, max_length=16)] | None = None
    translation: Vec3 = (0.0, 0.0, 0.0)
    rotation: Vec4 = (0.0, 0.0, 0.0, 1.0)
    scale: Vec3 = (1.0, 1.0, 1.0)
    weights: list[float] = []


class Skin(_Row):
    """Joints and where the mesh stood when it was bound to them."""

    joints: Annotated[list[Index], msgspec.Meta(min_length=1)]
    inverse_bind_matrices: Index | None = None


class TextureInfo(_Row):
    """Which texture, over which set of coordinates."""

    index: Index
    tex_coord: Index = 0
    extensions: dict[str, Any] = {}


class TextureTransform(_Row):
    """KHR_texture_transform."""

    offset: Vec2 = (0.0, 0.0)
    rotation: float = 0.0
    scale: Vec2 = (1.0, 1.0)
    tex_coord: Index | None = None


class Metallic(_Row):
    """Looks of a material by the metallic-roughness model."""

    base_color_factor: Vec4 = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: TextureInfo | None = None
    metallic_factor: float = 1.0
    roughness_factor: float = 1.0


class Material(_Row):
    """A material."""

    name: str = ""
    pbr_metallic_roughness: Metallic = Metallic()
    alpha_mode: str = "OPAQUE"
    alpha_cutoff: float = 0.5
    double_sided: bool = False
    extensions: dict[str, Any] = {}


class Texture(_Row):
    """Which image; other kinds of image are named in extensions."""

    source: Index | None = None
    extensions: dict[str, Any] = {}


class Image(_Row):
    """An encoded picture, in a buffer view or a file."""

    uri: str | None = None
    mime_type: str = ""
    buffer_view: Index | None = None
    name: str = ""


class Scene(_Row):
    """Nodes that are shown together."""

    nodes: list[Index] = []


class Asset(_Row):
    """Version of the format."""

    version: str


class Tables(_Row):
    """A whole document."""

    asset: Asset
    accessors: list[Accessor] = []
    buffer_views: list[BufferView] = []
    buffers: list[Buffer] = []
    images: list[Image] = []
    materials: list[Material] = []
    meshes: list[Mesh] = []
    nodes: list[Node] = []
    scenes: list[Scene] = []
    skins: list[Skin] = []
    textures: list[Texture] = []
    scene: Index | None = None
    extensions: dict[str, Any] = {}
    extensions_used: list[str] = []
    extensions_required: list[str] = []


def without_nulls(entry):
    """Plain objects without fields of null, which some exporters write for what they leave out."""
    if isinstance(entry, dict):
        return {key: without_nulls(value) for key, value in entry.items() if value is not None}
    return [without_nulls(value) for value in entry] if isinstance(entry, list) else entry
