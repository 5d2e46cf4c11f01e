"""The wire format: known bytes mean what protobuf.dev says, and damaged ones give one error."""

import numpy as np
import pytest

from personare.files.protobuf import BYTES, FIXED_32, VARINT, Damaged, fields, text, values


def test_the_examples_of_the_encoding_page():
    assert list(fields(b"\x08\x96\x01")) == [(1, VARINT, 150)]
    ((number, kind, value),) = fields(b"\x12\x07testing")
    assert (number, kind, text(value)) == (2, BYTES, "testing")
    assert list(fields(b"\x0d\x01\x00\x00\x00")) == [(1, FIXED_32, 1)]
    assert values(b"\x08\x01\x08\x02\x12\x01a", 1, VARINT) == [1, 2]


@pytest.mark.parametrize("content", [b"\x08", b"\x08" + b"\xff" * 11, b"\x12\x05ab", b"\x0b", b"\x00\x01", b"\x0d\x01"])
def test_damaged_messages_are_told(content):
    with pytest.raises(Damaged):
        list(fields(content))


def test_any_bytes_give_fields_or_damaged(rng):
    told = 0
    for _ in range(2000):
        content = rng.integers(0, 256, rng.integers(0, 40), dtype=np.uint8).tobytes()
        try:
            assert all(number > 0 for number, _, _ in fields(content))
        except Damaged:
            told += 1
    assert told > 1000
