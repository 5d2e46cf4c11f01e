"""The command line as people and programs use it."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from personare import registry
from personare.cli.options import parse_formats, parse_size, plan_outputs
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
    assert names == sorted("short" + registry.row("export", name).suffix for name in registry.all_formats())
    assert {"short.a2f.json", "short.csv", "short.glb", "short.mp4", "short.usda", "short.usdz"} <= set(names)
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
    assert events[-2] == {"event": "done", "file": str(short), "outputs": ["short.csv"]}
    assert events[-1] == {"event": "end", "file": None, "files": 1, "failed": 0}
    assert any(e["event"] == "progress" and e["value"] == 1 for e in events)
    assert done.stdout == ""


def test_a_cut_recording_is_animated_with_one_line_of_warning(short, tmp_path):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(short.read_bytes()[:9_000])
    command = [sys.executable, "-m", "personare", "animate", cut, "-f", "csv"]
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
    (["animate", "short.wav", "--size", "big"], "--size: expected 512 or 720x1280, each in 16..4096, got 'big'"),
    (["animate", "short.wav", "--size", "8"], "--size"),
    (["animate", "short.wav", "-o", "x.mp4", "-f", "npz"], "--format: expected mp4, as the name x.mp4 says, got npz"),
    (["animate", "short.wav", "-o", "-"], "--output: expected a file or a folder, got -"),
    (["animate", "short.wav", "-o", "short.wav", "-f", "npz"], "suffix"),
    (["animate", "short.wav", "-o", "short.wav/under/x.csv"], "cannot make this folder"),
    (["convert", "short.wav", "-o", "x.csv"], "a take or a face that can be read, got .wav"),
    (["convert", "none.csv", "-o", "x.csv"], "none.csv"),
    (["convert", "a", "b", "c", "-o", "x.csv"], "one take, or a face with its kind before it"),
    (["convert", "take.csv", "-o", "x.csv", "--to", "arkit52"], "take.csv"),
    (["list", "shoes"], "kind: expected one of models"),
])
def test_mistakes_give_one_line_and_exit_code_1(short, tmp_path, words, message):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["short.wav"]


def test_errors_reach_programs_as_json_too(tmp_path):
    for words in (["animate", "a.wav", "-f", "foo"], ["convert", "missing.csv", "-o", "x.json"]):
        done = run(*words, "--json-progress", cwd=tmp_path)
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert events[-1]["event"] == "error"
        assert events[-1]["kind"] == "InputError"


def test_recordings_are_never_overwritten(short, tmp_path):
    assert run("animate", short, "-o", "clip.mp4", "--size", "64", cwd=tmp_path).returncode == 0
    before = (tmp_path / "clip.mp4").read_bytes()
    assert run("animate", "clip.mp4", "--size", "64", cwd=tmp_path).returncode == 0
    assert (tmp_path / "clip.mp4").read_bytes() == before
    assert (tmp_path / "clip-face.mp4").is_file()
    for words in (["animate", "clip.mp4", "-o", "clip.mp4"], ["convert", "take.npz", "-o", "take.npz"]):
        (tmp_path / "take.npz").write_bytes(b"mine")
        done = run(*words, cwd=tmp_path)
        assert done.returncode == 1
        assert "--output: expected another file than" in done.stderr
    assert (tmp_path / "clip.mp4").read_bytes() == before
    assert (tmp_path / "take.npz").read_bytes() == b"mine"


def test_a_trailing_slash_means_a_folder_and_a_name_is_not_a_bundle(short, tmp_path):
    (tmp_path / "vox").mkdir()
    done = run("animate", "short.wav", "-o", "takes.v2/", "-f", "npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "takes.v2" / "short.npz").is_file()


@pytest.mark.skipif(os.name == "nt", reason="file names there are always text")
def test_names_that_are_no_text_still_work(short, tmp_path):
    odd = os.fsencode(tmp_path) + b"/bad\xff.wav"
    os.rename(short, odd)
    command = [sys.executable, "-m", "personare", "animate", odd, "-f", "glb,json,a2f,csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert len(os.listdir(tmp_path)) == 5


def test_nobody_is_told_and_nothing_is_left_at_home(short, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    done = run("animate", short, "-f", "csv", cwd=tmp_path, env=os.environ | {"HOME": str(home)})
    assert done.returncode == 0, done.stderr
    assert not [path for path in home.rglob("*") if "microsoft" in path.name.lower()]


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
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"
    assert (tmp_path / "long.mp4").read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["long.mp4", "long.wav"]


def test_convert_and_list(short, tmp_path):
    assert run("animate", short, "-o", "take.csv", cwd=tmp_path).returncode == 0
    done = run("convert", "take.csv", "-o", "take.npz", "--fps", "30", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "take.npz") as take:
        assert float(take["fps"]) == 30
    listed = json.loads(run("list", "formats", "--json", cwd=tmp_path).stdout)
    assert [row["name"] for row in listed["formats"]] == list(registry.names("export"))


def test_convert_to_another_space_says_what_was_kept(short, tmp_path):
    assert run("animate", short, "-o", "take.npz", cwd=tmp_path).returncode == 0
    done = run("convert", "take.npz", "--to", "oculus-15", "-o", "visemes.npz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "converted by least squares" in done.stdout
    with np.load(tmp_path / "visemes.npz") as take:
        assert str(take["space"]) == "oculus-15"


def test_a_face_becomes_one_file_and_opens_again(tmp_path):
    for words in (["sona", "-o", "head.npz"], ["head.npz", "-o", "head.glb"]):
        done = run("convert", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "head.glb").read_bytes()[:4] == b"glTF"


def test_a_sheet_shows_every_shape(tmp_path):
    done = run("face", "sheet", "sona", "-o", "sheet.png", "--size", "32", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    content = (tmp_path / "sheet.png").read_bytes()
    # Width and height stand at bytes 16 to 24 of a PNG: 9 columns, 69 pictures in 8 rows with 16 pixels of name.
    assert struct.unpack(">II", content[16:24]) == (9 * 32, 8 * 48)
    assert run("face", "sheet", "-o", "sheet.jpg", cwd=tmp_path).returncode == 1


def test_outputs_are_planned_without_collisions():
    sounds = [Path("a.wav"), Path("a.mp3"), Path("sub/a.mp3"), Path("b.wav")]
    plans = plan_outputs(sounds, "out", ("csv", "a2f"))
    assert [p["csv"].name for p in plans] == ["a.wav.csv", "a.mp3.csv", "a.mp3-2.csv", "b.csv"]
    assert plans[3]["a2f"] == Path("out/b.a2f.json")
    assert plan_outputs([Path("x/a.wav")], None, ("mp4",)) == [{"mp4": Path("a.mp4")}]
    with pytest.raises(InputError, match="expected a folder for several results"):
        plan_outputs(sounds, "out.csv", ("csv",))


def test_options_are_parsed():
    assert parse_formats("", "x.a2f.json") == ("a2f",)
    assert parse_formats("a2f", "x.json") == ("a2f",)
    assert parse_formats("", "takes.v2/") == ("mp4",)
    assert parse_formats(" glb,.csv,glb", None) == ("glb", "csv")
    assert parse_formats("", None) == ("mp4",)
    assert parse_size("720x1280") == (720, 1280)
    assert parse_size("512") == (512, 512)


def test_a_live_run_measures_itself(short, tmp_path):
    words = "live", "--from", short, "--to", "json:lines.jsonl", "--model", "vox-small-live", "--measure"
    done = run(*words, "--json-progress", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    levels = {"p50", "p95", "p99", "max"}
    assert {name: set(row) for name, row in figures["series"].items()} == dict.fromkeys(
        ("sound to packet", "sound to arrival", "compute", "late", "jitter", "arrival jitter", "socket"), levels)
    assert figures["look-ahead ms"] < 40
    assert figures["packets lost"] == 0
    assert figures["frames shown"] + figures["frames dropped"] == 15
    table = run(*words, cwd=tmp_path).stdout.splitlines()
    assert table[0].split() == ["ms", "p50", "p95", "p99", "max"]
    assert {len(line) for line in table[:8]} == {len(table[0])}


def test_a_photo_talks(short, tmp_path, shared):
    pytest.importorskip("mediapipe")
    model = {"PERSONARE_FACE_LANDMARKER": str(shared / "data/face_landmarker/face_landmarker.task")}
    stills = shared / "data/portraits"

    def animate(output, photo):
        command = [sys.executable, "-m", "personare", "animate", short, "-o", output, "--photo", stills / photo]
        return subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True,
                              env=os.environ | model)

    done = animate("me.mp4", "macron.png")
    assert done.returncode == 0, done.stderr
    import av

    with av.open(str(tmp_path / "me.mp4")) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert (len(pictures), pictures[0].shape) == (15, (512, 512, 3))
    for name, message in (("falsepositive_dog_s31.jpg", "a human face"), ("noface_cat_s41.jpg", "none that is found")):
        done = animate("no.mp4", name)
        assert done.returncode == 1
        assert message in done.stderr
        assert not (tmp_path / "no.mp4").exists()
