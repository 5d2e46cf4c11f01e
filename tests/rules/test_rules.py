"""The rules of the house, read off the source: layers, light import, torch's place, one place to add a thing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from personare import registry

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "personare"
LAYERS = (
    {"errors", "arrays", "types", "spaces"},
    {"registry", "store", "assets", "files"},
    {"fetching"},
    {"audio", "faces", "rendering", "export"},
    {"motion", "tracking", "portraits"},
    {"metrics", "live", "learn", "transfer", "people"},
    {"api", "progress"},
    {"filmed"},
    {"cli", "studio"},
    {"__main__"},
)
LAYER_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """(module, whether inside a function) of every import of a file."""
    tree = ast.parse(path.read_text())
    inside = {node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
              for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((name, node in inside) for name in names)


def part_of(path):
    """Top-level part of the package a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_import_their_own_folder_and_lower_layers_only(path):
    own = part_of(path)
    if own == "__init__":
        return
    for module, _ in imports(path):
        parts = module.split(".")
        if parts[0] == "personare" and len(parts) > 1 and parts[1] in LAYER_OF and parts[1] != own:
            lower = LAYER_OF[parts[1]] < LAYER_OF[own] or (LAYER_OF[own] == LAYER_OF[parts[1]] == 0)
            assert lower, f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_torch_stays_under_learn(path):
    if part_of(path) != "learn":
        assert not [m for m, inside in imports(path) if m.split(".")[0] == "torch" and not inside]


def test_every_part_has_a_layer():
    parts = {part_of(path) for path in SOURCES} - {"__init__", "builtin"}
    assert parts <= set(LAYER_OF)


HEAVY = ("torch", "onnxruntime", "numba", "av", "soundfile", "soxr", "rich", "typer", "scipy")


@pytest.mark.parametrize("code", [
    "import personare",
    "import personare; personare.load, personare.animate, personare.Motion; import personare.registry",
])
def test_importing_loads_no_heavy_library(code):
    script = f"import sys; {code}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, table in registry.TABLES.items() for n in table])
def test_every_row_has_file_test_and_docs_page(kind, name):
    module = registry.row(kind, name).target.partition(":")[0].split(".")
    assert (ROOT / Path(*module)).with_suffix(".py").is_file()
    assert (ROOT / "tests" / module[1] / f"test_{module[2]}.py").is_file()
    assert (ROOT / "docs" / kind / f"{name}.md").is_file()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_public_names_have_docstrings_and_files_stay_short(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    assert text.count("\n") <= 400
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            private = any(isinstance(p, ast.ClassDef | ast.FunctionDef) and node in ast.walk(p) and p is not node
                          and (p.name.startswith("_") or isinstance(p, ast.FunctionDef)) for p in ast.walk(tree))
            assert private or ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"
        if isinstance(node, ast.FunctionDef):
            told = (ast.get_docstring(node, clean=False) or "").count("\n")
            assert node.end_lineno - node.lineno - told <= 60, f"{path.name}: {node.name} is too long"
