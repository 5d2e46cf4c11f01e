"""Rows kept in a file come back, play back in time however sound arrives, and are refused where they are damaged."""

import numpy as np
import pytest

from personare.audio.front_ends import open_front_end
from personare.audio.stored import StoredRows, read_rows, write_rows
from personare.errors import InputError


@pytest.fixture
def rows(rng):
    return StoredRows("deepspeech", rng.standard_normal((50, 29)).astype(np.float32), 25.0, {"rate_hz": 25.0},
                      np.full(29, 3, np.float32))


def test_what_was_written_comes_back_and_plays_in_any_pieces(rows, tmp_path):
    path = tmp_path / "features.npz"
    write_rows(path, rows)
    found = read_rows(path)
    np.testing.assert_array_equal(found.values, rows.values)
    assert (found.name, found.rate_hz, found.options, found.duration_s) == ("deepspeech", 25.0, {"rate_hz": 25.0}, 2.0)
    front_end = open_front_end("stored", path=str(path))
    np.testing.assert_array_equal(front_end.silent_row(), np.full(29, 3))
    for size in (32000, 700, 641):
        stream, pieces = front_end.stream(), []
        for at in range(0, 32000, size):
            pieces.append(stream.push(np.zeros(min(size, 32000 - at), np.float32)))
            # No row comes before its own time.
            assert sum(map(len, pieces)) <= 25 * min(at + size, 32000) / 16000
        np.testing.assert_array_equal(np.concatenate([*pieces, stream.finish()]), rows.values)


def test_parts_and_what_fits(rows):
    np.testing.assert_array_equal(rows.part(0.4, 5).values, rows.values[10:15])
    np.testing.assert_allclose(rows.part(0.42, 2).values, (rows.values[10:12] + rows.values[11:13]) / 2, atol=1e-6)
    mel = open_front_end("mel", band_count=29, rate_hz=25.0)
    assert not rows.fits(mel)
    assert StoredRows("mel", rows.values, 25.0, {"band_count": 29}).fits(mel)
    assert not StoredRows("mel", rows.values, 25.0, {"band_count": 29, "low_hz": 3.0}).fits(mel)


def test_damaged_files_are_refused_by_name(rows, tmp_path):
    path = tmp_path / "features.npz"
    values = rows.values.copy()
    values[7, 3] = np.nan
    for wrong, text in (({"values": values}, "the first in row 7"), ({"values": values[0]}, r"\(t, c\)"),
                        ({"options": "[1]"}, "no dict"), ({"options": "{"}, "options"), ({"rate_hz": "x"}, "rate_hz"),
                        ({"rate_hz": -1.0}, "rate_hz"), ({"values": np.array(["a"])}, "values")):
        arrays = {"name": "mel", "options": "{}", "rate_hz": 25.0, "values": rows.values} | wrong
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=rf"features\.npz.*{text}|{text}.*features\.npz"):
            read_rows(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"features\.npz"):
        read_rows(path)
