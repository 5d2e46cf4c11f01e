"""The built-in head in the shape of somebody: kept as the places of its vertices alone, half a megabyte."""

from dataclasses import replace

from personare.faces.bundle import damaged, read_card
from personare.faces.sona import open_sona
from personare.files.arrays import read_npz

KIND = "person"


def pack_person(face, base):
    """Card and arrays of a face that is a built-in one but for its rest and head_weight.

    Args:
        face: LinearFace, base: "sona" or "sona/mara" ….
    """
    arrays = {name: getattr(face, name) for name in ("rest", "head_weight", "head_pivot")}
    arrays |= {f"joint_{i}_pivot": joint.pivot for i, joint in enumerate(face.joints)}
    return {"kind": KIND, "base": base, "name": face.name}, arrays


def read_person(path):
    """The LinearFace of a file with a card of pack_person.

    Raises:
        InputError: damaged.
    """
    card = read_card(path)
    try:
        base = open_sona(character=card["base"].partition("/")[2] or "sona")
        data = read_npz(path, ["rest", "head_weight", "head_pivot"])
        joints = tuple(replace(joint, pivot=read_npz(path, [f"joint_{i}_pivot"])[f"joint_{i}_pivot"])
                       for i, joint in enumerate(base.joints))
        return replace(base, name=card["name"], joints=joints, **data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(path, error) from error
