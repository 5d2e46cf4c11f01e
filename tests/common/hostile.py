"""Broken files for every reader: whatever the bytes are, the answer is a result or one InputError, in little memory."""

import tracemalloc

import pytest

from personare.errors import InputError


def variants(data, rng, count=150):
    """Truncations of data and copies with a few bytes changed."""
    for _ in range(count):
        broken = bytearray(data)
        if rng.random() < 0.3:
            del broken[rng.integers(0, len(broken)):]
        for _ in range(rng.integers(1, 6)):
            if broken:
                broken[rng.integers(0, len(broken))] = rng.integers(0, 256)
        yield bytes(broken)


def survives(read, path, data, rng, count=150):
    """Read many broken copies of a file; only InputError may come of it. Returns how many were refused."""
    refused = 0
    for broken in variants(data, rng, count):
        path.write_bytes(broken)
        error = _error_of(read, path)
        assert "\n" not in str(error)
        refused += error is not None
    return refused


def _error_of(read, path):
    try:
        read(path)
    except InputError as error:
        return error
    return None


def refuses(read, path, match, most_bytes=2**25):
    """read refuses a path with one line that matches, without taking memory for what the file only promises."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=match) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < most_bytes
        assert "\n" not in str(caught.value)
    finally:
        tracemalloc.stop()
