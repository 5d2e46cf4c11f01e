"""Over HTTP comes what personare.animate and save make; jobs tell their progress, a WebSocket is live."""

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import personare
from personare import registry
from personare.errors import InputError, MissingExtra

pytest.importorskip("fastapi", reason="the HTTP service needs the extra serve")
pytest.importorskip("uvicorn", reason="the HTTP service needs the extra serve")
pytest.importorskip("python_multipart", reason="the HTTP service needs the extra serve")
from http_server import Served, form, wait_until
from websockets.sync.client import connect

from personare.live.http_service import open_service
from personare.live.orders import KINDS, Manner


@pytest.fixture(scope="module")
def served():
    served = Served()
    yield served
    served.close()


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Path of a second and a half of speech, 16 bits."""
    import soundfile

    path = tmp_path_factory.mktemp("http") / "spoken.wav"
    samples, rate_hz = soundfile.read("examples/hello.wav", stop=24000)
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path


def expected(spoken, **options):
    return personare.animate(spoken, model="vox-small-live", **options)


@pytest.mark.parametrize("format", KINDS)
def test_results_are_those_of_animate_and_save(served, spoken, tmp_path, format):
    status, headers, content = served.ask("POST", "/v1/animate", spoken.read_bytes(), format=format, size=64)
    assert status == 200
    assert headers["content-type"].partition(";")[0] == KINDS[format]
    suffix = registry.row("export", format).suffix
    assert headers["content-disposition"] == f'attachment; filename="take{suffix}"'
    path = personare.save(expected(spoken), tmp_path / f"take{suffix}", audio=spoken, format=format, size=64)
    if format == "mp4":     # encoders may cut their work differently
        (tmp_path / "got.mp4").write_bytes(content)
        sounds = [personare.load(p).samples for p in (path, tmp_path / "got.mp4")]
        np.testing.assert_allclose(*sounds, atol=1e-3)
        assert abs(len(content) - path.stat().st_size) < 0.02 * len(content)
    elif format == "npz":
        (tmp_path / "got.npz").write_bytes(content)
        got, want = personare.read_motion(tmp_path / "got.npz"), expected(spoken)
        np.testing.assert_array_equal(got.values, want.values)
        np.testing.assert_array_equal(got.head_pose, want.head_pose)
    else:
        assert content == path.read_bytes()


def test_options_mean_what_they_mean_on_the_command_line(served, spoken, tmp_path):
    asked = {"fps": 25, "seed": 3, "blink": 0, "gaze": 0.5, "head": 1.5, "brows": 0.5, "loudness": 0.5,
             "emotion": "joy:0.7", "articulation": 1.3, "model": "vox-small"}
    _, _, content = served.ask("POST", "/v1/animate", spoken.read_bytes(), format="npz", **asked)
    (tmp_path / "got.npz").write_bytes(content)
    got = personare.read_motion(tmp_path / "got.npz")
    want = personare.animate(spoken, model="vox-small", fps=25, emotion="joy:0.7", articulation=1.3,
                             layers=personare.Layers(blink=0, gaze=0.5, head=1.5, brows=0.5, loudness=0.5, seed=3))
    assert got.fps == 25
    np.testing.assert_array_equal(got.values, want.values)
    # This recording is too even to tell.
    assert Manner(loudness=0.5).options()["layers"].loudness == 0.5
    assert Manner(breath=0.5, still=True).options()["layers"] == replace(personare.STILL, breath=0.5)
    usual = expected(spoken, fps=25)
    assert np.abs(want.values - usual.values).max() > 0.1
    still = served.ask("POST", "/v1/animate", spoken.read_bytes(), format="json", still="true")[2]
    (tmp_path / "still.json").write_bytes(still)
    still = personare.read_motion(tmp_path / "still.json")
    np.testing.assert_allclose(still.values, expected(spoken, layers=personare.STILL).values, atol=1e-4)


def test_a_character_of_the_face_comes_where_it_is_asked_for(served, spoken, tmp_path):
    got = served.ask("POST", "/v1/animate", spoken.read_bytes(), format="glb", face="sona/mara")[2]
    path = personare.save(expected(spoken), tmp_path / "take.glb", face="sona/mara", audio=spoken)
    assert got == path.read_bytes()
    assert got != served.ask("POST", "/v1/animate", spoken.read_bytes(), format="glb")[2]


def test_a_form_is_as_good_as_a_body_and_its_file_name_is_nobodys_path(served, spoken):
    body, headers = form(spoken.read_bytes(), fps=25, format="json")
    status, answered, content = served.ask("POST", "/v1/animate", body, headers=headers, seed=2)
    assert status == 200
    assert 'filename="take.json"' in answered["content-disposition"]
    assert content == served.ask("POST", "/v1/animate", spoken.read_bytes(), format="json", fps=25, seed=2)[2]
    assert not (Path(tempfile.gettempdir()) / "evil.wav").exists()


def events_of(served, key):
    """List of (event, data) of a job, until it ends."""
    status, headers, content = served.ask("GET", f"/v1/jobs/{key}/events")
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n") for block in content.decode().split("\n\n") if block]
    return [(lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in blocks]


def test_a_job_tells_its_progress_and_keeps_its_result(served, spoken):
    heard_s = served.figures()['personare_sound_seconds_total{kind="files"}']
    status, _, content = served.ask("POST", "/v1/jobs", spoken.read_bytes(), format="mp4", size=128)
    job = json.loads(content)
    assert status == 202
    assert set(job) == {"id", "state", "stage", "value"}
    told = events_of(served, job["id"])
    assert [event for event, _ in told[:-1]] == ["progress"] * (len(told) - 1)
    assert told[-1][0] == told[-1][1]["state"] == "done"
    stages = [data["stage"] for _, data in told if data["stage"]]
    assert stages == sorted(stages)     # listen, write mp4
    values = [data["value"] for _, data in told if data["stage"] == "write mp4"]
    assert values == sorted(values)
    assert values[-1] == 1
    one = served.ask("GET", f"/v1/jobs/{job['id']}/result")
    two = served.ask("GET", f"/v1/jobs/{job['id']}/result")
    assert one[0] == 200
    assert one[2] == two[2]
    assert one[2][4:8] == b"ftyp"
    assert served.ask("DELETE", f"/v1/jobs/{job['id']}")[0] == 204
    assert served.refused("GET", f"/v1/jobs/{job['id']}/result")[:2] == (404, "unknown")
    figures = served.figures()
    assert figures['personare_sound_seconds_total{kind="files"}'] - heard_s == pytest.approx(1.5, abs=0.01)
    assert figures['personare_requests_total{path="/v1/jobs/{key}/result",status="200"}'] >= 2
    assert figures["personare_job_seconds_count"] >= 1
    assert figures['personare_job_seconds_bucket{le="+Inf"}'] == figures["personare_job_seconds_count"]
    assert not list(served.jobs.folder.iterdir())


def test_what_is_no_sound_fails_with_a_reason_and_no_path(served):
    job = json.loads(served.ask("POST", "/v1/jobs", b"RIFF but no sound at all")[2])
    event, data = events_of(served, job["id"])[-1]
    assert event == "failed"
    assert data["message"].startswith("sound: expected a sound or video file")
    assert str(served.jobs.folder) not in data["message"]
    assert served.refused("GET", f"/v1/jobs/{job['id']}/result")[:2] == (422, "input")


def live(served, pcm, size, **options):
    """(header, frames, end) of one live session."""
    words = "&".join(f"{name}={value}" for name, value in options.items())
    with connect(f"ws://127.0.0.1:{served.port}/v1/live?{words}") as session:
        sender = threading.Thread(target=lambda: [*(session.send(pcm[i:i + size]) for i in range(0, len(pcm), size)),
                                                  session.send('{"type": "end"}')])
        sender.start()
        messages = []
        while not messages or messages[-1]["type"] not in ("end", "error"):
            messages.append(json.loads(session.recv(30)))
        sender.join()
    return messages[0], messages[1:-1], messages[-1]


@pytest.mark.parametrize("size", [321, 3200, 64000])
def test_a_websocket_gives_the_frames_of_the_file(served, spoken, size):
    audio = personare.load(spoken)
    pcm = np.round(audio.samples * 32768).astype("<i2").tobytes()
    header, frames, end = live(served, pcm, size, rate=audio.rate_hz, fps=25, seed=3, emotion="joy")
    want = expected(spoken, fps=25, layers=personare.Layers(seed=3), emotion="joy")
    assert header == {"type": "header", "names": list(want.space.columns), "fps": 25, "space": want.space.name,
                      "rate": audio.rate_hz}
    assert end == {"type": "end", "frames": len(want)}
    assert [frame["frame"] for frame in frames] == list(range(len(want)))
    np.testing.assert_allclose([frame["time"] for frame in frames], np.arange(len(want)) / 25, atol=1e-6)
    np.testing.assert_allclose([frame["weights"] for frame in frames], want.values, atol=2e-5)
    np.testing.assert_allclose([frame["head"] for frame in frames], want.head_pose.reshape(-1, 16), atol=2e-5)


def test_live_frames_do_not_wait_for_the_end(served, spoken):
    audio = personare.load(spoken)
    pcm = np.round(audio.samples * 32768).astype("<i2").tobytes()
    with connect(f"ws://127.0.0.1:{served.port}/v1/live?rate={audio.rate_hz}") as session:
        session.send(pcm[:audio.rate_hz])       # half a second
        frames = [json.loads(session.recv(10)) for _ in range(12)]
        assert frames[-1]["frame"] == 10
        assert served.figures()["personare_sessions"] == 1
    wait_until(lambda: not served.host.open_voices)
    assert served.figures()["personare_live_latency_seconds_count"] > 0


def test_many_at_once_do_not_mix(served, spoken, rng):
    audio = personare.load(spoken)
    pcm = np.round(audio.samples * 32768).astype("<i2").tobytes()
    answers, want = {}, {i: expected(spoken, layers=personare.Layers(seed=i)) for i in range(6)}

    def post(i):
        answers["file", i] = served.ask("POST", "/v1/animate", spoken.read_bytes(), format="json", seed=i)[2]

    def speak(i):
        answers["live", i] = live(served, pcm, 1000 + 100 * i, rate=audio.rate_hz, seed=i)[1]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6) for work in (post, speak)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for i in range(6):
        weights = [frame["weights"] for frame in answers["live", i]]
        np.testing.assert_allclose(weights, want[i].values, atol=2e-5)
        frames = json.loads(answers["file", i])["frames"]
        np.testing.assert_allclose([frame["weights"] for frame in frames], want[i].values, atol=2e-5)
    assert served.host.open_voices == 0


def test_the_document_tells_every_operation(served):
    api = json.loads(served.ask("GET", "/openapi.json")[2])
    assert api["openapi"].startswith("3.")
    assert {(path, method) for path, methods in api["paths"].items() for method in methods} == {
        ("/v1/animate", "post"), ("/v1/jobs", "post"), ("/v1/jobs/{key}", "get"), ("/v1/jobs/{key}", "delete"),
        ("/v1/jobs/{key}/events", "get"), ("/v1/jobs/{key}/result", "get"), ("/health", "get"), ("/metrics", "get")}
    names = {option["name"] for option in api["paths"]["/v1/animate"]["post"]["parameters"]}
    assert names == {"format", "model", "face", "size", "fps", "seed", "blink", "gaze", "head", "brows", "loudness",
                     "breath", "still", "emotion", "articulation", "style", "lips", "upper_face", "smoothing"}
    assert json.loads(served.ask("GET", "/health")[2]) == {"status": "ok", "model": "vox-small-live"}
    page = served.ask("GET", "/docs")[2].decode()
    assert "://" not in page.replace("http://www.w3.org", "")       # nothing comes from elsewhere
    assert page == served.ask("GET", "/")[2].decode()


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
def test_the_page_shows_the_operations(served, tmp_path):
    shown = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom",
         "--virtual-time-budget=5000", f"http://127.0.0.1:{served.port}/docs"], capture_output=True, text=True,
        timeout=60).stdout
    for text in ("/v1/jobs/{key}/events", "Size of head motion.", f"http://127.0.0.1:{served.port}/v1/animate",
                 "<option>glb</option>"):
        assert text in shown


def test_a_taken_port_and_a_missing_extra_are_explained(served, monkeypatch):
    with pytest.raises(InputError, match="choose another port"):
        open_service(served.host, served.jobs, port=served.port)
    with pytest.raises(InputError, match="add --token SECRET"):
        open_service(served.host, served.jobs, bind="0.0.0.0", port=0)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtra, match=r"personare\[serve\]"):
        open_service(served.host, served.jobs, port=0)


def test_the_command_serves_and_ends_in_order(spoken):
    command = [sys.executable, "-u", "-m", "personare", "serve", "--port", "0", "--model", "vox-small-live"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line.startswith("HTTP service on http://127.0.0.1:")
        port = int(line.split(":")[2].partition(",")[0])
        client = Served.__new__(Served)
        client.port = port
        assert client.ask("POST", "/v1/animate", spoken.read_bytes())[2].startswith(b"Timecode,BlendshapeCount,")
        status, headers, _ = client.ask("POST", "/v1/animate", spoken.read_bytes()[:40000])
        assert status == 200
        assert headers["personare-warning"].startswith("sound: the file ends early, after 1.25 of 1.50 s")
        job = json.loads(client.ask("POST", "/v1/jobs", spoken.read_bytes(), format="mp4", size=1024)[2])
        begin = time.monotonic()
        process.terminate()
        rest, said = process.communicate(timeout=30)
    assert job["state"] in ("waiting", "working")
    assert process.returncode == 0
    assert rest == "stopped\n"
    assert said == ""
    assert time.monotonic() - begin < 15
