"""Fixtures for every test. Real recordings live outside the repository; tests that need them skip without."""

import os
from pathlib import Path

import characters
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


@pytest.fixture(scope="session")
def character(tmp_path_factory):
    """Function: path of a character made by write_character with some options, made once."""
    folder, made = tmp_path_factory.mktemp("characters"), {}

    def write(suffix=".glb", **options):
        key = suffix, *sorted((name, str(value)) for name, value in options.items())
        if key not in made:
            home = folder / str(len(made))
            home.mkdir()
            made[key] = characters.write_character(home / f"person{suffix}", **options)
        return made[key]

    return write
