"""Old face models come as pickles. This reads the arrays in them and runs nothing: no class of a file is ever made.

A pickle is a program for a small stack machine. Python's own machine looks classes up and calls them, which is how a
file takes over a computer; ours knows only plain values and the few notations of arrays listed in pickled_arrays.py.
"""

import io
import pickletools
import warnings
from pathlib import Path

from personare.errors import InputError
from personare.files.pickled_arrays import BUILDERS, Foreign, Unreadable, resolve

MOST_BYTES = 2**29        # 512 MB; the largest face model in use, FLAME, has 110
_MOST_STEPS = 2**21       # opcodes; FLAME needs about a thousand

_MARK = object()


def read_pickle(path, *, most_bytes=MOST_BYTES):
    """Plain values and arrays of a pickle file, without running any of it.

    Args:
        path: file of pickle protocol 0 to 5, from Python 2 or 3.
        most_bytes: larger files are refused.

    Returns:
        dicts, lists, tuples, strings, numbers, and arrays where the file has those of NumPy, SciPy (sparse ones come
        back full), chumpy or torch.

    Raises:
        InputError: missing, too large, damaged, or holding anything else than data.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise InputError(path, expected=f"at most {most_bytes >> 20} MB", got=f"{size >> 20} MB",
                             remedy="check that it is a face model")
        return parse_pickle(path.read_bytes(), path)
    except OSError as error:
        raise InputError(path, expected="a pickle file", got=error.strerror or str(error),
                         remedy="check the path") from error


def parse_pickle(data, source="pickle"):
    """The same of bytes, or of an open binary file, which then stands behind the pickle; source names it in errors."""
    file = io.BytesIO(data) if isinstance(data, bytes | bytearray | memoryview) else data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pickletools warns of odd escapes in the text of a damaged file
            return resolve(_run(file), _load_tensor_bytes)
    except Unreadable as error:
        raise InputError(source, expected="a pickle of arrays and plain values", got=" ".join(str(error).split())[:120],
                         remedy="do not open it with anything else; get the model from its owners") from error
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, MemoryError, RecursionError,
            UnicodeError) as error:
        raise InputError(source, expected="a pickle of arrays", got=f"damaged data ({type(error).__name__})",
                         remedy="download it again") from error


def _run(file):
    """Run the opcodes of one pickle and return what lies on the stack at its end."""
    stack, memo = [], {}
    for steps, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if steps > _MOST_STEPS:
            raise Unreadable(f"more than {_MOST_STEPS} steps")
        name = opcode.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _ACTIONS:
            _ACTIONS[name](stack, argument)
        elif name in ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise Unreadable(f"the step {name}")
    raise Unreadable("no end")


_VALUES = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING", "SHORT_BINSTRING", "FLOAT",
    "BINFLOAT", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
    "BYTEARRAY8"))


def _global(stack, name):
    """Push the notation that a global name stands for; refuse every other name."""
    dotted = name.replace(" ", ".")
    if dotted not in BUILDERS:
        raise Unreadable(f"a call of {dotted}")
    stack.append(BUILDERS[dotted])


def _stack_global(stack, _):
    name = stack.pop()
    module = stack.pop()
    if not (isinstance(name, str) and isinstance(module, str)):
        raise Unreadable("a class without a name")
    _global(stack, f"{module} {name}")


def _reduce(stack, _):
    arguments, builder = stack.pop(), stack.pop()
    if not (callable(builder) and isinstance(arguments, tuple) and builder in _KNOWN):
        raise Unreadable("a call of something that is no array")
    stack.append(builder(*arguments))


def _build(stack, _):
    state, target = stack.pop(), stack[-1]
    if isinstance(target, dict):
        return  # torch notes the versions of its layers on a dict of weights; nobody needs them
    if not isinstance(target, Foreign):
        raise Unreadable("a state for something that is no array")
    target.state = state


def _pop_to_mark(stack):
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _set_items(target, items):
    if not isinstance(target, dict):
        raise Unreadable("keys for something that is no dict")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str | int | bytes | float | None):
            raise Unreadable(f"a key of type {type(key).__name__}")
        target[key] = value


def _extend(target, items):
    if not isinstance(target, list):
        raise Unreadable("items for something that is no list")
    target.extend(items)


def _dict(stack, _):
    items = _pop_to_mark(stack)
    stack.append({})
    _set_items(stack[-1], items)


def _appends(stack, _):
    items = _pop_to_mark(stack)
    _extend(stack[-1], items)


def _set_many(stack, _):
    items = _pop_to_mark(stack)
    _set_items(stack[-1], items)


def _append(stack, _):
    item = stack.pop()
    _extend(stack[-1], [item])


def _set_one(stack, _):
    value, key = stack.pop(), stack.pop()
    _set_items(stack[-1], [key, value])


def _tuple_of(count):
    def take(stack, _):
        if len(stack) < count:
            raise Unreadable("an empty stack")
        items = tuple(stack[-count:])
        del stack[-count:]
        stack.append(items)
    return take


_ACTIONS = {
    "NONE": lambda stack, _: stack.append(None), "NEWTRUE": lambda stack, _: stack.append(True),
    "NEWFALSE": lambda stack, _: stack.append(False), "MARK": lambda stack, _: stack.append(_MARK),
    "EMPTY_TUPLE": lambda stack, _: stack.append(()), "EMPTY_LIST": lambda stack, _: stack.append([]),
    "EMPTY_DICT": lambda stack, _: stack.append({}), "POP": lambda stack, _: stack.pop(),
    "POP_MARK": lambda stack, _: _pop_to_mark(stack), "DUP": lambda stack, _: stack.append(stack[-1]),
    "TUPLE1": _tuple_of(1), "TUPLE2": _tuple_of(2), "TUPLE3": _tuple_of(3),
    "TUPLE": lambda stack, _: stack.append(tuple(_pop_to_mark(stack))),
    "LIST": lambda stack, _: stack.append(_pop_to_mark(stack)), "DICT": _dict,
    "APPEND": _append, "APPENDS": _appends, "SETITEM": _set_one, "SETITEMS": _set_many,
    "GLOBAL": _global, "STACK_GLOBAL": _stack_global, "REDUCE": _reduce, "NEWOBJ": _reduce, "BUILD": _build,
    "BINPERSID": lambda stack, _: stack.append(Foreign("storage", stack.pop())),
}
_KNOWN = frozenset(BUILDERS.values())


def _load_tensor_bytes(data):
    """The storages of torch's old file format: header pickles, the object, the order of storages, their numbers."""
    file = io.BytesIO(data)
    for _ in range(3):
        _run(file)
    stored = _run(file)
    keys = _run(file)
    if not (isinstance(stored, Foreign) and stored.kind == "storage" and isinstance(keys, list) and len(keys) == 1):
        raise Unreadable("a tensor of several storages")
    return stored, file.read()
