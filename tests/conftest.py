"""Fixtures for every test. Real recordings live outside the repository; tests that need them skip without."""

import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared():
    """Folder of real data beside the checkout; set PERSONARE_SHARED to name another one."""
    folder = Path(os.environ.get("PERSONARE_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data" / "README.md").is_file():
        pytest.skip(f"needs real recordings in {folder}, which are not part of the repository")
    return folder


@pytest.fixture
def rng():
    """A seeded random generator."""
    return np.random.default_rng(0)
