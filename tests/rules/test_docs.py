"""The README and docs say what is true: their code runs, their links lead somewhere, their names exist."""

import re
import shlex
from pathlib import Path

import pytest

from personare import registry
from personare.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language):
    """(page, code) of every block in one language."""
    return [pytest.param(code, id=f"{page.name}-{i}") for page in PAGES
            for i, (kind, code) in enumerate(BLOCK.findall(page.read_text())) if kind == language]


@pytest.fixture
def beside_hello(tmp_path, monkeypatch):
    """A folder that holds the example sounds, as the pages assume."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for name in ("hello.wav", "hallo.wav"):
        (tmp_path / name).symlink_to(ROOT / "examples" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code, beside_hello):
    exec(compile(code, "page", "exec"), {})


@pytest.mark.parametrize("code", blocks("console"))
def test_console_blocks_run(code, beside_hello):
    for line in code.splitlines():
        if line.startswith("$ personare "):
            words = shlex.split(line.removeprefix("$ personare "), comments=True)
            assert app(words, standalone_mode=False) in (None, 0)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_opens_with_a_picture_and_two_commands():
    text = (ROOT / "README.md").read_text()
    head = text[:1600]
    assert re.search(r"!\[[^\]]*\]\(docs/images/", head)
    assert "personare animate examples/hello.wav" in head
    assert "pytest" in head


def test_every_name_of_the_registry_is_listed_in_the_docs_index():
    index = (ROOT / "docs" / "index.md").read_text()
    for kind in registry.TABLES:
        for name in registry.names(kind):
            assert f"({kind}/{name}.md)" in index, f"docs/index.md lacks {kind}/{name}"
