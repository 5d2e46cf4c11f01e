"""Fixtures for every test. Real recordings live outside the repository; tests that need them skip without."""

import importlib.util
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


@pytest.fixture(scope="session")
def characters():
    """The module tests/characters.py, which makes glTF and VRM files."""
    spec = importlib.util.spec_from_file_location("characters", Path(__file__).with_name("characters.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def character(characters, tmp_path_factory):
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


@pytest.fixture(scope="session")
def second_head():
    """The module tests/faces/second_head.py: a second head that is the built-in one bent, and landmarks on both."""
    spec = importlib.util.spec_from_file_location("second_head", Path(__file__).parent / "faces" / "second_head.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
