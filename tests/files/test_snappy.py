"""Snappy's own examples come out, and what is damaged is refused."""

import pytest

from personare.files.protobuf import Damaged
from personare.files.snappy import unpacked


def literal(text):
    size = len(text) - 1
    return (bytes([size << 2]) if size < 60 else bytes([60 << 2, size])) + text


@pytest.mark.parametrize(("packed", "expected"), [
    (b"\x05" + literal(b"abcde"), b"abcde"),
    # A copy of one byte's offset that runs into itself, one of two bytes and one of four.
    (b"\x0a" + literal(b"ab") + bytes([(8 - 4) << 2 | 1, 2]), b"ababababab"),
    (b"\x09" + literal(b"xyz") + bytes([5 << 2 | 2, 3, 0]), b"xyzxyzxyz"),
    (b"\x06" + literal(b"xyz") + bytes([2 << 2 | 3, 3, 0, 0, 0]), b"xyzxyz"),
    (b"\x64" + literal(b"q" * 100), b"q" * 100),
    (b"\x00", b""),
])
def test_what_is_packed_comes_out(packed, expected):
    assert unpacked(packed, most_bytes=1000) == expected


def test_an_offset_beyond_a_byte():
    start = bytes(range(250)) + bytes(range(60))
    packed = b"\xbd\x02" + literal(start[:250]) + literal(start[250:]) + bytes([(7 - 4) << 2 | 1 | 1 << 5, 300 - 256])
    assert unpacked(packed, most_bytes=1000) == start + start[10:17]


@pytest.mark.parametrize("packed", [
    b"", b"\x05" + literal(b"abcd"), b"\x05" + literal(b"abcdef"), b"\x09abc", b"\x05" + literal(b"ab")[:-1],
    b"\x06" + literal(b"ab") + bytes([1, 3]), b"\x06" + literal(b"ab") + bytes([1, 0]), b"\xff\xff\xff\x7f"])
def test_damage_is_refused(packed):
    with pytest.raises(Damaged):
        unpacked(packed, most_bytes=1000)
