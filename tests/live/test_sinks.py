"""Receivers get every frame; a dead one stops nobody."""

import json
import socket

import numpy as np
import pytest

import personare
from personare.errors import InputError
from personare.live.sinks import open_sink
from personare.types import Motion


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0))
        receiving.settimeout(5)
        yield receiving


@pytest.fixture
def frame(rng):
    return Motion(rng.uniform(0, 0.5, (1, 52)).astype(np.float32), 30, "arkit-52")


@pytest.mark.parametrize(("kind", "size"), [("livelink", 26 + 36 + 9 + 244), ("facegood", 468), ("ifacialmocap", None)])
def test_packets_arrive(receiver, frame, kind, size):
    sink = open_sink(f"{kind}://127.0.0.1:{receiver.getsockname()[1]}", fps=30)
    sink.send(0, frame)
    content = receiver.recv(4096)
    assert size in (None, len(content))
    sink.close()


def test_vmc_is_read_by_a_public_reader(receiver, frame):
    pytest.importorskip("pythonosc", reason="the VMC protocol needs the extra live")
    from pythonosc.osc_bundle import OscBundle

    sink = open_sink(f"vmc://127.0.0.1:{receiver.getsockname()[1]}?avatar=perfect-sync", fps=30)
    sink.send(3, frame)
    messages = list(OscBundle(receiver.recv(65536)))
    values = {m.params[0]: m.params[1] for m in messages if m.address == "/VMC/Ext/Blend/Val"}
    assert len(values) == 52
    assert values["JawOpen"] == pytest.approx(float(frame.column("jawOpen")[0]), abs=1e-6)
    assert messages[-1].address == "/VMC/Ext/Blend/Apply"
    assert next(m for m in messages if m.address == "/VMC/Ext/T").params == [pytest.approx(0.1)]
    sink.close()


def test_a_receiver_that_is_not_there_is_no_trouble(frame):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sink = open_sink(f"livelink://127.0.0.1:{port}", fps=30)
    for i in range(20):
        sink.send(i, frame)
    assert sink.sent + sink.lost == 20
    sink.close()


def test_lines_of_json(tmp_path, frame):
    sink = open_sink(f"json:{tmp_path / 'lines.jsonl'}", fps=30)
    sink.send(0, frame)
    sink.send(1, frame)
    sink.close()
    first, second = (json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines())
    assert (first["frame"], second["time"]) == (0, pytest.approx(1 / 30, abs=1e-5))
    assert first["weights"]["jawOpen"] == pytest.approx(float(frame.column("jawOpen")[0]), abs=1e-5)


def test_a_recording_is_a_take(tmp_path, frame):
    sink = open_sink(str(tmp_path / "take.csv"), fps=30)
    for i in range(5):
        sink.send(i, frame)
    assert not (tmp_path / "take.csv").exists()
    sink.close()
    take = personare.read_motion(tmp_path / "take.csv")
    assert len(take) == 5
    np.testing.assert_allclose(take.column("jawOpen"), frame.column("jawOpen")[0], atol=1e-6)


@pytest.mark.parametrize("text", ["livelink://no.such.host.invalid", "what://x", "take.mp4", "livelink://127.0.0.1:0x",
                                  "vmc://127.0.0.1?avatar=horse"])
def test_wrong_sinks_are_explained(text):
    if text.startswith("vmc"):
        pytest.importorskip("pythonosc", reason="the VMC protocol needs the extra live")
    with pytest.raises(InputError, match="expected"):
        open_sink(text, fps=30)
