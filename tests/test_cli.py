"""The command line as people and programs use it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from personare.cli import parse_formats, parse_size, plan_outputs
from personare.errors import InputError

HELLO = Path(__file__).parents[1] / "examples" / "hello.wav"


def run(*words, cwd, **options):
    """Run the command in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "personare", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, **options)


@pytest.fixture
def short(tmp_path):
    """Half a second of speech."""
    samples, rate_hz = soundfile.read(HELLO, stop=8_000)
    soundfile.write(tmp_path / "short.wav", samples, rate_hz)
    return tmp_path / "short.wav"


def test_all_formats_land_in_a_new_folder(short, tmp_path):
    done = run("animate", short, "-o", "new/takes/", "-f", "all", "--size", "64", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = sorted(p.name for p in (tmp_path / "new/takes").iterdir())
    assert names == ["short.a2f.json", "short.csv", "short.glb", "short.json", "short.mp4", "short.npz"]
    assert "short.mp4" in done.stdout


def test_one_bad_file_does_not_stop_the_others(short, tmp_path):
    (tmp_path / "bad.wav").write_text("this is no sound")
    done = run("animate", "bad.wav", short, "-f", "csv", "-o", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert "bad.wav" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["short.csv"]


def test_programs_get_json_lines(short, tmp_path):
    done = run("animate", short, "-f", "csv", "--json-progress", cwd=tmp_path)
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert events[0]["event"] == "start"
    assert events[-1] == {"event": "done", "file": str(short), "outputs": ["short.csv"]}
    assert any(e["event"] == "progress" and e["value"] == 1 for e in events)
    assert done.stdout == ""


def test_a_cut_recording_is_animated_with_one_line_of_warning(short, tmp_path):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(short.read_bytes()[:9_000])
    command = [sys.executable, "-m", "personare", "animate", cut, "-f", "csv", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "ends early" in done.stderr
    assert (tmp_path / "cut.csv").is_file()


def test_quiet_is_quiet(short, tmp_path):
    done = run("animate", short, "-f", "csv", "-q", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("words", "message"), [
    (["animate", "missing.wav"], "missing.wav"),
    (["animate", "short.wav", "-o", "x.avi"], "suffix"),
    (["animate", "short.wav", "-f", "mp5"], "did you mean 'mp4'"),
    (["animate", "short.wav", "--face", "sonna"], "did you mean 'sona'"),
    (["animate", "short.wav", "--size", "big"], "--size: expected 512 or 720x1280, got 'big'"),
    (["animate", "short.wav", "-o", "short.wav/under/x.csv"], "cannot make this folder"),
    (["convert", "short.wav", "-o", "x.csv"], "suffix"),
    (["list", "shoes"], "kind: expected one of models"),
])
def test_mistakes_give_one_line_and_exit_code_1(short, tmp_path, words, message):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["short.wav"]


def test_wrong_options_exit_with_2(tmp_path):
    assert run("animate", "--fps", "zero", "a.wav", cwd=tmp_path).returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_the_old_file_and_no_other(tmp_path, signal_number):
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 16_000 * 120), 16_000)
    (tmp_path / "long.mp4").write_text("old")
    command = [sys.executable, "-m", "personare", "animate", "long.wav", "--json-progress"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "write mp4" in line:
            break
    time.sleep(0.2)
    process.send_signal(signal_number)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert (tmp_path / "long.mp4").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["long.mp4", "long.wav"]


def test_convert_and_list(short, tmp_path):
    assert run("animate", short, "-o", "take.csv", cwd=tmp_path).returncode == 0
    done = run("convert", "take.csv", "-o", "take.npz", "--fps", "30", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "take.npz") as take:
        assert float(take["fps"]) == 30
    listed = json.loads(run("list", "formats", "--json", cwd=tmp_path).stdout)
    assert {row["name"] for row in listed["formats"]} == {"mp4", "glb", "csv", "json", "a2f", "npz"}


def test_outputs_are_planned_without_collisions():
    sounds = [Path("a.wav"), Path("a.mp3"), Path("sub/a.mp3"), Path("b.wav")]
    plans = plan_outputs(sounds, Path("out"), ("csv", "a2f"))
    assert [p["csv"].name for p in plans] == ["a.wav.csv", "a.mp3.csv", "a.mp3-2.csv", "b.csv"]
    assert plans[3]["a2f"] == Path("out/b.a2f.json")
    assert plan_outputs([Path("x/a.wav")], None, ("mp4",)) == [{"mp4": Path("a.mp4")}]
    with pytest.raises(InputError, match="expected a folder for several results"):
        plan_outputs(sounds, Path("out.csv"), ("csv",))


def test_options_are_parsed():
    assert parse_formats("", Path("x.a2f.json")) == ("a2f",)
    assert parse_formats(" glb,.csv,glb", None) == ("glb", "csv")
    assert parse_formats("", None) == ("mp4",)
    assert parse_size("720x1280") == (720, 1280)
    assert parse_size("512") == (512, 512)
