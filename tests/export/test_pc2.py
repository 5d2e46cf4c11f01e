"""Point caches: header by header, float by float."""

import struct
from dataclasses import replace

import numpy as np

from personare.export import meshes, pc2


def test_the_header_and_every_bit_of_the_vertices(tmp_path, take):
    pc2.write(tmp_path / "a.pc2", take)
    content = (tmp_path / "a.pc2").read_bytes()
    assert struct.unpack("<12siiffi", content[:32]) == (b"POINTCACHE2\0", 1, 642, 0.0, 1.0, 60)
    vertices = np.frombuffer(content[32:], "<f4").reshape(60, 642, 3)
    assert np.array_equal(vertices, take.face.mesh(take.motion).vertices)


def test_slices_join_without_a_seam(tmp_path, take, monkeypatch):
    pc2.write(tmp_path / "a.pc2", take)
    steps = []
    monkeypatch.setattr(meshes, "_SLICE_BYTES", 642 * 12 * 23)
    pc2.write(tmp_path / "b.pc2", take, progress=lambda *step: steps.append(step))
    assert steps == [(23, 60), (46, 60), (60, 60)]
    one, other = (np.frombuffer((tmp_path / name).read_bytes()[32:], "<f4") for name in ("a.pc2", "b.pc2"))
    assert np.allclose(one, other, rtol=0, atol=1e-7)  # The order of sums may differ with the number of frames.


def test_no_frames_are_a_header(tmp_path, take):
    pc2.write(tmp_path / "a.pc2", replace(take, motion=take.motion.frames(0, 0)))
    assert len((tmp_path / "a.pc2").read_bytes()) == 32
