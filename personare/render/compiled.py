"""Compile kernels with numba, and keep working where the compiled code cannot be stored."""

from numba import njit


def compiled(signature):
    """Decorator: numba-compile a kernel for one signature, without the GIL, cached on disk where possible.

    Never parallel: frames are drawn many at a time on a thread pool instead. Floating-point operations keep
    their order, so results are the same on every machine.

    Args:
        signature: numba signature string.
    """
    def decorate(function):
        options = {"nogil": True, "error_model": "numpy"}
        try:
            return njit(signature, cache=True, **options)(function)
        except (RuntimeError, OSError):
            # A read-only install without a writable home folder has no place for a cache.
            return njit(signature, **options)(function)
    return decorate


def inlined(function):
    """Decorator: a small function that kernels call; LLVM puts its body in their place."""
    return njit(function, error_model="numpy")
