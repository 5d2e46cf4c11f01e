"""The table of cases: closed where it should be, and never in conflict with a neighbour."""

import numpy as np

from personare.faces.marching import CORNERS, COUNTS, EDGES, TRIANGLES, all_crossed, triangulate


def test_every_case_is_cut_at_exactly_its_crossed_edges():
    for case in range(256):
        inside = [bool(case >> c & 1) for c in range(8)]
        crossed = {e for e, (start, axis) in enumerate(EDGES) if inside[start] != inside[start | 4 >> axis]}
        assert set(TRIANGLES[case, : COUNTS[case]].reshape(-1).tolist()) == crossed
    assert COUNTS[0] == COUNTS[255] == 0
    assert {int(COUNTS[1 << c]) for c in range(8)} == {1}


def test_triangles_look_outside():
    for corner in range(8):
        start, axis = EDGES[TRIANGLES[1 << corner, 0]].T
        middles = CORNERS[start] + 0.5 * np.eye(3)[axis]
        normal = np.cross(middles[1] - middles[0], middles[2] - middles[0])
        assert normal @ (middles[0] - CORNERS[corner]) > 0


def test_any_values_give_a_closed_surface(rng):
    values = rng.normal(size=(9, 10, 11))
    values[[0, -1]] = values[:, [0, -1]] = values[:, :, [0, -1]] = 1
    cells = all_crossed(values)
    corners = triangulate(values, cells, COUNTS, TRIANGLES, EDGES)
    edges = np.concatenate([corners[:, [i, (i + 1) % 3]] for i in range(3)])
    forth, counts = np.unique(edges, axis=0, return_counts=True)
    assert np.array_equal(forth, np.unique(edges[:, ::-1], axis=0))
    assert (np.sort(counts) == counts.min()).mean() > 0.99
