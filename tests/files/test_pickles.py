"""Arrays come out of pickles of every kind; nothing in a pickle is ever run."""

import io
import pickle
import pickletools
import struct
import sys
import types
from contextlib import suppress

import numpy as np
import pytest
from hostile import refuses, survives
from hypothesis import given, settings
from hypothesis import strategies as st

from personare.errors import InputError
from personare.files.pickles import parse_pickle, read_pickle


class Attack:
    """What a hostile file asks for: a call with arguments."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def same(a, b):
    assert type(a) is type(b) or isinstance(b, np.generic)
    if isinstance(b, np.ndarray):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    elif isinstance(b, dict):
        assert list(a) == list(b)
        for key in b:
            same(a[key], b[key])
    elif isinstance(b, list | tuple):
        assert len(a) == len(b)
        for one, two in zip(a, b, strict=True):
            same(one, two)
    else:
        assert a == b


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_and_arrays_come_back(protocol, rng, tmp_path):
    shared = rng.random((2, 2))
    data = {"a": rng.random((4, 3)), "fortran": np.asfortranarray(rng.random((4, 3))), "big": np.arange(5, dtype=">u4"),
            "flag": np.array([True, False]), "empty": np.zeros((0, 3)), "text": "é", "bytes": b"\x00\xff",
            "tuple": (1, 2.5, None, True, -(2**70)), "list": [[], {}, ()], "number": np.float32(3),
            "twice": [shared] * 2}
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(data, protocol))
    back = read_pickle(path)
    same(back, data)
    assert back["twice"][0] is back["twice"][1]


def test_sparse_matrices_come_back_full(rng):
    sparse = pytest.importorskip("scipy.sparse")
    full = rng.random((5, 40)) * (rng.random((5, 40)) > 0.8)
    for kind in (sparse.csc_matrix, sparse.csr_matrix, sparse.csc_array):
        same(parse_pickle(pickle.dumps(kind(full), 2)), full)


def test_chumpy_arrays_are_read_without_chumpy(rng, monkeypatch):
    ch, reordering = types.ModuleType("chumpy.ch"), types.ModuleType("chumpy.reordering")
    for module, name in ((ch, "Ch"), (reordering, "Select")):
        setattr(module, name, type(name, (), {"__module__": module.__name__}))
    with monkeypatch.context() as patch:
        for module in (types.ModuleType("chumpy"), ch, reordering):
            patch.setitem(sys.modules, module.__name__, module)
        array, selection = ch.Ch(), reordering.Select()
        array.x = rng.random((3, 4))
        selection.a, selection.idxs, selection.preferred_shape = array, np.array([11, 0, 5, 2]), (2, 2)
        files = [pickle.dumps({"v": array, "s": selection}, protocol) for protocol in (2, 4)]
    for file in files:
        back = parse_pickle(file)
        same(back, {"v": array.x, "s": array.x.ravel()[[11, 0, 5, 2]].reshape(2, 2)})


def test_strings_of_python_2_are_bytes_of_arrays():
    """Python 2 wrote an array's bytes as a string; the opcodes are those of its protocol 2."""
    file = (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
            b"(K\x01K\x02K\x01\x86cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
            b"K\x00tb\x89U\x08" + np.array([1.5, -2], "<f4").tobytes() + b"tb.")
    pickletools.dis(file, out=io.StringIO())
    same(parse_pickle(file), np.array([[1.5], [-2]], np.float32))


CALLS = [(eval, ("1",)), (exec, ("pass",)), (getattr, ("", "format")), (__import__, ("os",)), (np.load, ("/etc",)),
         (np.ndarray, ((2**40,),)), (bytearray, (2**40,)), (type, ("x", (), {})), (struct.pack, ("i", 1))]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call[0].__name__)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_payloads_are_refused(call, protocol, tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"v_template": Attack(*call)}, protocol))
    refuses(read_pickle, tmp_path / "a.pkl", "expected a pickle of arrays")


def test_nothing_runs(tmp_path):
    import os

    flag = tmp_path / "ran"
    for protocol in range(6):
        with pytest.raises(InputError, match=r"a call of \w+\.system"):
            parse_pickle(pickle.dumps(Attack(os.system, (f"touch {flag}",)), protocol))
    assert not flag.exists()


@pytest.mark.parametrize("data", [
    b"", b"\x80\x02.", b".", b"(", b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff", b"0.", b"h\x00.",
    b"\x80\x02]r\xff\xff\xff\xff.\x00",                       # a memo of 4 billion entries, unused
    b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",         # bytes of 8 exabytes
    b"I" + b"9" * 10000 + b"\n.",                             # a number that takes a minute to read
    b"((" * 40 + b")" + b"t" * 40 + b".",
    b"cnumpy\ndtype\n.", b"]Q.", b"cos\nsystem\n(S'ls'\nto.", b"(S'ls'\nios\nsystem\n.",
    b"]" + b"]a" * 500 + b"." , b"]" + b"2a" * 30 + b".",
    b"}" + b")" + b"\x86" * 20 + b"Ns.",
], ids=lambda data: repr(data[:12]))
def test_strange_programs_are_refused_or_harmless(data, tmp_path):
    (tmp_path / "a.pkl").write_bytes(data)
    with suppress(InputError):
        read_pickle(tmp_path / "a.pkl")


def test_shared_tuples_take_no_exponential_time():
    deep = b")" + b"2\x86" * 90 + b"."            # each tuple holds the one before twice: 2^90 when written out
    assert isinstance(parse_pickle(b"\x80\x02" + deep), tuple)
    with pytest.raises(InputError, match="deeper nesting"):
        parse_pickle(b"\x80\x02)" + b"2\x86" * 200 + b".")


def test_a_claim_of_a_huge_array_is_refused(tmp_path):
    file = pickle.dumps(np.zeros(3), 2).replace(b"K\x03\x85", b"J\xff\xff\xff\x7f\x85")
    (tmp_path / "a.pkl").write_bytes(file)
    refuses(read_pickle, tmp_path / "a.pkl", "numbers|does not fit its shape")


def test_broken_files_give_one_error(tmp_path, rng):
    sparse = pytest.importorskip("scipy.sparse")
    data = {"a": rng.random((3, 4)), "f": np.arange(6, dtype=np.uint32), "j": sparse.csc_matrix(np.eye(4)),
            "t": ("x", 1.5)}
    for protocol in (2, 4):
        assert survives(read_pickle, tmp_path / "a.pkl", pickle.dumps(data, protocol), rng, 400) > 100


def test_missing_and_large_files_are_explained(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_pickle(tmp_path / "none.pkl")
    (tmp_path / "a.pkl").write_bytes(bytes(2000))
    with pytest.raises(InputError, match="expected at most 0 MB"):
        read_pickle(tmp_path / "a.pkl", most_bytes=1000)


PIECES = [bytes([code]) for code in b"().]}ael0123Ns\x85\x86\x87\x88\x89\x8f\x90\x91\x93\x94RbtduoQ\x81\x92"] + [
    b"K\x05", b"K\xff", b"U\x02f8", b"U\x08" + bytes(8), b"C\x08" + bytes(8), b"q\x00", b"h\x00", b"h\x01",
    b"j\0\0\0\0",
    b"r\xff\xff\xff\x7f", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n",
    b"cscipy.sparse.csc\ncsc_matrix\n", b"cchumpy.ch\nCh\n", b"cchumpy.reordering\nSelect\n", b"c__builtin__\nobject\n",
    b"ccopy_reg\n_reconstructor\n", b"ccollections\nOrderedDict\n", b"c_codecs\nencode\n", b"ctorch\nFloatStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch.storage\n_load_from_bytes\n", b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy.core.numeric\n_frombuffer\n", b"X\x04\x00\x00\x00data", b"X\x05\x00\x00\x00shape", b"X\x01\x00\x00\x00x",
    b"cbuiltins\neval\n", b"cos\nsystem\n", b"I-1\n", b"F1e999\n"]


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_no_program_does_anything_but_make_data(pieces):
    with suppress(InputError):
        value = parse_pickle(b"".join(pieces) + b".")
        assert isinstance(value, PLAIN)


PLAIN = (dict, list, tuple, str, bytes, bytearray, int, float, bool, type(None), np.ndarray, np.generic)
