"""The walk through learning in docs/learn.md runs word for word."""

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from personare.cli import app
from personare.export import livelink

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "learn.md").read_text()


def test_ten_minutes_with_my_own_phone_take(tmp_path, monkeypatch, capsys):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    lines = [line for block in re.findall(r"^```shell-session\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
             for line in block.splitlines()]
    assert [line.split()[2] for line in lines] == ["animate", "data", "data", "data", "learn", "animate", "animate"]
    for line in lines:
        assert app(shlex.split(line.removeprefix("$ personare ")), standalone_mode=False) in (None, 0)
    assert "2 clips in takes" in capsys.readouterr().out
    assert (tmp_path / "mine.mp4").stat().st_size > 10_000
    assert "<svg" in (tmp_path / "my-face" / "report.html").read_text()
    assert livelink.read(Path("mine.csv")).column("jawOpen").std() > 0.02
