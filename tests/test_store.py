"""Writing is all or nothing; bundles are believed only where their hashes agree."""

import json

import pytest

from personare.errors import AssetError, OutputError
from personare.store import atomic_path, ensure_folder, read_bundle, write_bundle

CARD = {"name": "tiny", "method": "vox", "summary": "a test", "licence": "CC0-1.0",
        "sources": [{"name": "generated", "licence": "CC0-1.0", "use": "all"}], "config": {"width": 3}}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "take.csv"
    path.write_text("old")
    for fault in (ValueError, KeyboardInterrupt):
        with pytest.raises(fault), atomic_path(path) as temporary:
            temporary.write_text("half")
            raise fault
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["take.csv"]


def test_a_write_replaces_the_old_file(tmp_path):
    path = tmp_path / "take.csv"
    path.write_text("old")
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_full_disk_is_one_clear_error(tmp_path):
    path = tmp_path / "take.csv"
    path.write_text("old")
    message = r"take.csv: writing failed \(No space left on device\); free space"
    with pytest.raises(OutputError, match=message), atomic_path(path):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"


def test_missing_folders_and_folders_as_files_are_named(tmp_path):
    with pytest.raises(OutputError, match="choose another folder"), atomic_path(tmp_path / "no" / "take.csv"):
        pass
    with pytest.raises(OutputError, match="expected a file name, got a folder"), atomic_path(tmp_path):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make this folder"):
        ensure_folder(tmp_path / "file" / "sub")


def test_a_bundle_comes_back_as_written(tmp_path):
    write_bundle(tmp_path / "b", card=CARD, files={"model.onnx": b"graph"})
    bundle = read_bundle(tmp_path / "b")
    assert bundle.card.config == {"width": 3}
    assert bundle.path("model.onnx").read_bytes() == b"graph"


def test_damage_is_noticed(tmp_path):
    bundle = write_bundle(tmp_path, card=CARD, files={"model.onnx": b"graph"})
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(AssetError, match="differs from the hash on its card"):
        bundle.path("model.onnx")
    with pytest.raises(AssetError, match=r"lists no weights\.bin"):
        bundle.path("weights.bin")


@pytest.mark.parametrize(("change", "message"), [
    ({"surprise": 1}, "unreadable"),
    ({"version": 2}, "card version 2 is above 1; update personare"),
    ({"files": {"../escape": "00"}}, "leaves the bundle"),
])
def test_odd_cards_are_refused(tmp_path, change, message):
    write_bundle(tmp_path, card=CARD, files={})
    card = tmp_path / "card.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(AssetError, match=message):
        read_bundle(tmp_path)


def test_a_folder_without_a_card_is_no_bundle(tmp_path):
    with pytest.raises(AssetError, match=r"no card\.json in it"):
        read_bundle(tmp_path)
