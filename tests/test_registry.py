"""Names lead to objects; wrong names lead to the nearest right one."""

import pytest

from personare import registry
from personare.errors import InputError
from personare.spaces import SPACES


def test_every_row_can_be_loaded():
    for kind, table in registry.TABLES.items():
        for name, row in table.items():
            assert callable(registry.load(kind, name))
            if row.reader:
                assert callable(registry.load_reader(name))


@pytest.mark.parametrize(("path", "name"), [
    ("a.mp4", "mp4"), ("a.JSON", "json"), ("a.b.a2f.json", "a2f"), ("a.rest.obj", "rest"), ("a.OBJS", "obj")])
def test_the_longest_suffix_names_the_format(path, name):
    assert registry.format_of(path) == name


def test_no_two_formats_share_a_suffix_and_every_row_says_what_it_carries():
    rows = registry.TABLES["export"].values()
    assert len({row.suffix for row in rows}) == len(rows)
    assert all(row.carries and set(row.carries) <= {"curves", "head pose", "mesh", "pictures", "sound"} for row in rows)
    assert all(row.space == "" or row.space in SPACES for row in rows)


def test_all_leaves_out_folders_and_what_needs_more():
    every = registry.all_formats()
    assert {"mp4", "glb", "csv", "usda"} <= set(every)
    assert not {"obj", "png", "usdc"} & set(every)


def test_a_folder_of_a_format_is_told_by_its_suffix():
    assert registry.writes_folder("takes/a.objs")
    assert not registry.writes_folder("takes.v2")


def test_unknown_names_are_explained():
    with pytest.raises(InputError, match=r"did you mean '\.mp4'"):
        registry.format_of("a.mp5")
    with pytest.raises(InputError, match=r"faces: expected one of sona, .*, got 'sone'; did you mean 'sona'\?"):
        registry.load("faces", "sone")
    with pytest.raises(InputError, match=r"format to read: expected one of csv, json, a2f, npz.*, got 'mp4'"):
        registry.load_reader("mp4")


def test_a_path_without_a_known_face_is_explained(tmp_path):
    with pytest.raises(InputError, match="which does not exist; check the name or the path"):
        registry.face_kind_of(tmp_path / "head.glb")
    (tmp_path / "notes.txt").write_text("no face")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="got no file of theirs; see personare list faces"):
            registry.face_kind_of(path)


def test_patterns_tell_the_kind_of_a_file_or_folder(tmp_path, monkeypatch):
    rows = {"rig": registry.Row("a:b", "", opens=("*.glb",)), "scan": registry.Row("a:b", "", opens=("base/mean.obj",))}
    monkeypatch.setitem(registry.TABLES, "faces", rows)
    (tmp_path / "base").mkdir()
    for name in ("Head.GLB", "base/mean.obj"):
        (tmp_path / name).write_bytes(b"")
    assert registry.face_kind_of(tmp_path / "Head.GLB") == "rig"
    assert registry.face_kind_of(tmp_path) == "scan"
