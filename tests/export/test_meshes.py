"""Vertices in slices, and the looks of formats without materials."""

from dataclasses import replace

import numpy as np
import pytest

from personare.errors import InputError
from personare.export import meshes
from personare.types import Face, Mesh


class Bent(Face):
    """A face that is no sum of shapes: every frame is its neutral shape times a number."""

    name = "bent"

    def __init__(self, like, *, spoil=None):
        self.surface, self.head_weight, self.head_pivot = like.surface, like.head_weight, like.head_pivot
        self.space, self.rest, self.spoil = like.space, like.neutral(), spoil

    def neutral(self):
        return self.rest

    def mesh(self, motion):
        vertices = self.rest[None] * (1 + motion.values[:, :1, None])
        return Mesh(self.spoil(vertices) if self.spoil else vertices, self.surface.triangles)


def test_slices_are_the_whole_in_bounded_pieces(take, monkeypatch):
    whole = take.face.mesh(take.motion).vertices
    monkeypatch.setattr(meshes, "_SLICE_BYTES", whole[0].nbytes * 25)
    pieces = list(meshes.slices(take))
    assert [len(piece) for piece in pieces] == [25, 25, 10]
    assert np.allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-7)
    assert [number for number, _ in meshes.frames(take)] == list(range(60))


@pytest.mark.parametrize("spoil", [lambda v: v * np.nan, lambda v: v[:, 1:]])
def test_broken_vertices_are_refused(take, spoil):
    with pytest.raises(InputError, match="face 'bent': expected 642 finite vertices in every frame, got"):
        list(meshes.slices(replace(take, face=Bent(take.face, spoil=spoil))))


def test_a_take_without_a_face_is_refused(take):
    with pytest.raises(InputError, match="face: expected a face, whose vertices pc2 stores, got none"):
        meshes.checked_face(replace(take, face=None), "pc2")


def test_colours_are_vertex_times_occlusion_times_material_times_texture(small_face):
    surface = small_face.surface
    got, owner = meshes.vertex_colors(surface, linear=True), meshes.material_vertices(surface)
    plain = surface.color * surface.occlusion[:, None] * np.array([m.color for m in surface.materials])[owner]
    skin, cap = np.flatnonzero(owner == 0), np.flatnonzero(owner == 2)
    assert np.allclose(got[skin], plain[skin], atol=1e-6)
    # The upper left quarter of the cap's texture is (40, 200, 200); linear values of those bytes are known.
    corner = cap[(surface.uv[cap, 0] < 0.4) & (surface.uv[cap, 1] > 0.6)]
    assert len(corner) > 5
    assert np.allclose(got[corner], plain[corner] * [0.0212190, 0.5775804, 0.5775804], atol=1e-5)


def test_each_vertex_takes_the_material_of_its_first_triangle(small_face):
    surface, first = small_face.surface, {}
    for triangle, number in zip(surface.triangles, surface.triangle_material, strict=True):
        for corner in triangle:
            first.setdefault(int(corner), int(number))
    assert meshes.material_vertices(surface).tolist() == [first[i] for i in range(642)]
    assert np.allclose(meshes.srgb(np.array([0.0, 0.0031308, 0.21404114, 1.0])), [0, 0.04045, 0.5, 1], atol=1e-4)
