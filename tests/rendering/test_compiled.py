import numpy as np
import pytest

compiled = pytest.importorskip("personare.rendering.compiled", reason="no kernels without numba")


def add(a, b):
    return a + b


def test_kernels_work_without_a_place_for_their_cache(monkeypatch):
    njit = compiled.njit

    def njit_without_cache(*args, cache=False, **options):
        if cache:
            def refuse(function):
                raise RuntimeError("cannot cache function: no locator available")
            return refuse
        return njit(*args, **options)

    monkeypatch.setattr(compiled, "njit", njit_without_cache)
    kernel = compiled.compiled("float64(float64, float64)")(add)
    assert kernel(1, 2) == 3
    assert kernel.signatures


def test_cache_names_follow_every_kernel_source():
    from personare.rendering import draw

    kernels = {"samples", "texture", "masked", "raster", "shade", "shadow", "fragments", "draw", "light", "compiled"}
    assert kernels == set(compiled._SOURCES)
    assert draw.draw.py_func.__qualname__.endswith(compiled._DIGEST)
    # All a kernel uses comes from these files.
    used = {value.__module__ for value in vars(draw).values() if hasattr(value, "py_func")}
    assert used <= {f"personare.rendering.{name}" for name in kernels}


def test_division_by_zero_follows_numpy():
    kernel = compiled.compiled("float32(float32, float32)")(lambda a, b: a / b)
    assert kernel(np.float32(1), np.float32(0)) == np.inf
