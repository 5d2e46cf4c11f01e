"""Compile kernels with numba, and keep working where the compiled code cannot be stored."""

import hashlib
import pickle
from pathlib import Path

from numba import njit

# Division by zero gives infinity as in NumPy; no kernel is called from C.
_OPTIONS = {"error_model": "numpy", "no_cfunc_wrapper": True}

# Files whose code or constants end up in compiled kernels.
_SOURCES = ("compiled", "light", "samples", "texture", "masked", "raster", "shade", "shadow", "fragments", "draw")
_DIGEST = hashlib.sha256(
    b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in _SOURCES)).hexdigest()[:12]


def compiled(signature):
    """Decorator: numba-compile a kernel for one signature, without the GIL, cached on disk where possible.

    Never parallel: frames are drawn many at a time on a thread pool instead. Floating-point operations keep
    their order, so results are the same on every machine.

    Args:
        signature: numba signature string.
    """
    def decorate(function):
        # numba notices a change in the file of a kernel, but not in those of the functions it calls; the name,
        # which is part of the name of the cache file, says it all.
        function.__qualname__ += f"_{_DIGEST}"
        try:
            return njit(signature, cache=True, nogil=True, **_OPTIONS)(function)
        except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError):
            # A read-only install without a writable home folder has no place for a cache, or its file is damaged.
            return njit(signature, nogil=True, **_OPTIONS)(function)
    return decorate


def inlined(function):
    """Decorator: a function that only kernels call; without a Python wrapper it compiles faster."""
    return njit(function, no_cpython_wrapper=True, **_OPTIONS)
