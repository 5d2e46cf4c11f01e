"""Hostile and huge files cost little, whatever format they claim to be."""

import tracemalloc

import numpy as np
import pytest

from personare import registry
from personare.errors import InputError
from personare.export import a2f, reading


def peak_of(work):
    """Most bytes that Python held at a time while something ran."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_many_short_lists_never_become_python_lists_all_at_once(tmp_path):
    path = tmp_path / "a.a2f.json"
    path.write_text('{"exportFps":60,"facsNames":["a","b","c","d"],"weightMat":[' + "[0.1,0.2,0.3,0.4]," * 200_000
                    + "[0,0,0,0]]}")
    found = []
    peak = peak_of(lambda: found.append(a2f.read(path)))
    assert len(found[0]) == 200_001
    # The file, a handle of 90 bytes for each row of 18, and the table; lists of numbers would add ten times the file.
    assert peak < 8 * path.stat().st_size


@pytest.mark.parametrize("text", [
    '{"exportFps":60,"facsNames":[%s"a"],"weightMat":[]}' % ('"a",' * 300_000),
    '{"exportFps":60,"facsNames":["a"],"weightMat":[[%s1]]}' % ("1," * 600_000),
])
def test_one_huge_list_is_refused_before_it_is_decoded(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"got 1 MB in one frame; export it again$"):
        a2f.read(tmp_path / "a.json")


def test_more_nesting_than_any_take_has_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"unknown":' + "[" * 300_000 + "]" * 300_000 + "}")
    with pytest.raises(InputError, match=r"(?i)recursion|more lists|missing|malformed"):
        a2f.read(tmp_path / "a.json")


def test_an_error_of_a_part_is_told_once(tmp_path):
    inner = InputError(tmp_path / "a/1.pt", expected="x", got="y", remedy="z")
    assert str(reading.unreadable(tmp_path / "a", inner)) == f"{tmp_path}/a/1.pt: expected x, got y; z"
    other = InputError("values", expected="x", got="y", remedy="z")
    assert str(reading.unreadable("a", other)) == \
        "a: expected a complete file of this format, got values: expected x, got y; z; export it again"


@pytest.mark.parametrize("suffix", [".csv", ".json", ".npz", ".npy", ".txt", ".tsv", ".xml", ".dat", ".mat", ".a2f.csv",
                                    ".emotion.csv", ".mediapipe.json", ".rhubarb.json", ".expression.txt"])
def test_noise_under_any_name_is_one_clear_error(tmp_path, suffix, rng):
    path = tmp_path / f"a{suffix}"
    for size in (1, 100, 5000):
        path.write_bytes(rng.integers(0, 256, size, dtype=np.uint8).tobytes())
        with pytest.raises(InputError) as caught:
            registry.load_reader(registry.format_to_read(path))(path)
        assert "\n" not in str(caught.value)


def test_a_reason_is_one_line_of_bounded_length():
    text = str(reading.unreadable("a", "x\n" * 5000 + "."))
    assert len(text) < 400
    assert "\n" not in text
