"""Deep3DFaceRecon_pytorch's checkpoint -> a bundle that reads coefficients off pictures without torch."""

import torch

from personare.faces.bfm_crop import SIZE_PX, standard_points
from personare.learn.export import graph_bytes
from personare.learn.nets.deep3d import deep3d_of
from personare.store import write_bundle
from personare.tracking.deep3d import GRAPH, METHOD, STANDARD_POINTS

_LICENCE = ("that of the checkpoint; Deep3DFaceRecon_pytorch's code is MIT, its weights describe BFM 2009, which is "
            "for research only")


def deep3d_bundle(tensors, folder, *, source, standard=None):
    """Write a bundle of R-Net.

    Args:
        tensors: dict of name -> tensor, see nets.deep3d.deep3d_of.
        folder: where to.
        source: what the weights are of, for the card.
        standard: path of similarity_Lm3D_all.mat, the standard face to a millionth; default its three digits.

    Returns:
        store.Bundle.

    Raises:
        InputError: tensors or points of another layout.
    """
    points = STANDARD_POINTS if standard is None else standard_points(standard).tolist()
    graph = graph_bytes(deep3d_of(tensors), {"pictures": torch.rand(2, 3, SIZE_PX, SIZE_PX)}, ["values"])
    return write_bundle(folder, files={GRAPH: graph}, card={
        "name": "deep3d", "method": METHOD, "summary": "257 coefficients of the Basel model off a picture",
        "licence": _LICENCE, "sources": [{"name": source, "licence": _LICENCE, "use": "weights"}],
        "config": {"space": "deep3d-257", "standard_points": points}})
