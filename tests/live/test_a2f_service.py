"""Audio2Face-3D's service as its clients see it, told by field numbers alone; no client hurts others."""

import asyncio
import sys
import threading
import time

import numpy as np
import pytest

import personare
from personare.errors import InputError, MissingExtra
from personare.live.a2f_service import SERVICE, open_server
from personare.live.voices import Host, Limits
from personare.motion.layers import Layers
from personare.spaces import A2F_68, ARKIT_52

grpc = pytest.importorskip("grpc", reason="the Audio2Face-3D service needs the extra serve")
pytest.importorskip("grpc_health", reason="the Audio2Face-3D service needs the extra serve")
import a2f_client as client  # noqa: E402


class Served:
    """The service on a thread of its own."""

    def __init__(self, *, token=None, **limits):
        self.host, self.loop = Host("vox-small-live", limits=Limits(**limits)), asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server, self.port = self.wait(open_server(self.host, port=0, token=token))
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")

    def wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def close(self):
        self.channel.close()
        self.wait(self.server.stop(0))
        self.host.close()
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture(scope="module")
def served():
    served = Served(sessions=8, sound_s=20, message_s=10, idle_s=2)
    yield served
    served.close()


@pytest.fixture(scope="module")
def spoken():
    audio = personare.load("examples/hello.wav")
    audio = personare.Audio(audio.samples[:2 * audio.rate_hz], audio.rate_hz)
    pcm = np.round(np.clip(audio.samples, -1, 1) * 32767).astype("<i2")
    return personare.Audio(pcm.astype(np.float32) / 32768, audio.rate_hz), pcm.tobytes()


def whole(spoken, *, size=None, **options):
    """Requests of a usual stream."""
    audio, pcm = spoken
    size = size or 2 * audio.rate_hz
    return [client.header(audio.rate_hz, **options), *(client.sound(pcm[i:i + size]) for i in range(0, len(pcm), size)),
            client.END]


def plain(audio, **options):
    return personare.animate(audio, model="vox-small-live", layers=Layers(head=0), **options).columns(ARKIT_52.columns)


def test_a_stream_is_what_its_clients_know(served, spoken):
    audio, pcm = spoken
    before = time.time()
    answer, code, _ = client.ask(served.channel, whole(spoken))
    assert code is grpc.StatusCode.OK
    assert answer.parts == [1] + [2] * 60 + [3, 4]
    assert answer.names == [name[0].upper() + name[1:] for name in A2F_68.columns]
    assert answer.rate_hz == audio.rate_hz
    assert before - 1 < answer.started < time.time() + 1
    np.testing.assert_allclose(answer.times, np.arange(60) / 30, atol=1e-9)
    assert answer.sound == pcm
    assert (answer.code, answer.message) == (0, "SUCCESS")
    weights = np.array(answer.weights)
    np.testing.assert_allclose(weights[:, :52], plain(audio), atol=1e-5)
    assert not weights[:, 52:].any()
    assert len(answer.emotions) == 60
    assert set(answer.emotions[0]) == {"amazement", "anger", "cheekiness", "disgust", "fear", "grief", "joy",
                                       "outofbreath", "pain", "sadness"}


def test_pieces_of_any_size_are_one_stream(served, spoken):
    odd = whole(spoken, size=977)
    answer, _, _ = client.ask(served.channel, odd)
    np.testing.assert_allclose(np.array(answer.weights)[:, :52], plain(spoken[0]), atol=1e-5)
    assert answer.sound == spoken[1]


def test_multipliers_and_offsets_are_applied_and_clamped_when_asked(served, spoken):
    asked = {"multipliers": {"JawOpen": 30.0, "MouthClose": 0.0}, "offsets": {"BrowInnerUp": 0.25, "TongueUp": 0.5}}
    free = np.array(client.ask(served.channel, whole(spoken, **asked))[0].weights)
    kept = np.array(client.ask(served.channel, whole(spoken, clamps=1, **asked))[0].weights)
    expected = np.zeros((60, 68))
    expected[:, :52] = plain(spoken[0])
    expected[:, A2F_68.index("jawOpen")] *= 30
    expected[:, A2F_68.index("mouthClose")] = 0
    expected[:, A2F_68.index("browInnerUp")] += 0.25
    expected[:, A2F_68.index("tongueUp")] = 0.5
    np.testing.assert_allclose(free, expected, atol=3e-4)
    assert free.max() > 1
    np.testing.assert_allclose(kept, np.clip(expected, 0, 1), atol=3e-4)


def test_emotions_come_with_their_times_and_strength(served, spoken):
    audio, pcm = spoken
    processing = client.real(1, 1.0) + client.real(5, 0.5) + client.number(6, 1)
    requests = [client.header(audio.rate_hz, processing=processing, transition_s=0.3, beginning={"sadness": 1.0}),
                client.sound(pcm[:40000], [(1.0, {"joy": 1.0, "anger": 0.4})]), client.sound(pcm[40000:]), client.END]
    answer, _, _ = client.ask(served.channel, requests)
    sad = [felt["sadness"] for felt in answer.emotions]
    glad = [felt["joy"] for felt in answer.emotions]
    assert sad[0] == pytest.approx(0.5)
    assert glad[29] == 0
    assert sad[-1] == pytest.approx(0, abs=1e-6)
    assert glad[-1] == pytest.approx(0.5)
    assert max(felt["anger"] for felt in answer.emotions) == 0      # one emotion at a time was asked for
    smile = np.array(answer.weights)[:, A2F_68.index("mouthSmileLeft")]
    assert smile[45:].mean() > smile[:30].mean() + 0.1
    assert answer.message == "SUCCESS; without effect: emotion_contrast"


@pytest.mark.parametrize(("face", "column", "factor"), [
    ({"upperFaceStrength": 0.0}, "browInnerUp", 0.0), ({"skinStrength": 0.5}, "jawOpen", 0.5),
    ({"blinkStrength": 0.0}, "eyeBlinkLeft", 0.0), ({"lowerFaceStrength": 0.0}, "jawOpen", 0.0)])
def test_parameters_of_the_face(served, spoken, face, column, factor):
    answer, _, _ = client.ask(served.channel, whole(spoken, face={**face, "faceMaskLevel": 0.6}))
    usual = plain(spoken[0])[:, ARKIT_52.index(column)]
    assert usual.max() > 0.05
    np.testing.assert_allclose(np.array(answer.weights)[:, A2F_68.index(column)], factor * usual, atol=2e-5)
    assert answer.message == "SUCCESS; without effect: faceMaskLevel"


def test_many_streams_at_once_do_not_mix(served, spoken, rng):
    quiet = np.zeros(len(spoken[1]) // 2, "<i2").tobytes()
    expected, answers = {}, {}
    for name, pcm in (("speech", spoken[1]), ("silence", quiet)):
        audio = personare.Audio(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768, spoken[0].rate_hz)
        expected[name] = plain(audio)

    def one(i):
        name = ("speech", "silence")[i % 2]
        pcm = spoken[1] if i % 2 == 0 else quiet
        answers[i] = name, client.ask(served.channel, whole((spoken[0], pcm), size=1000 + 100 * i))[0]

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 8
    for name, answer in answers.values():
        np.testing.assert_allclose(np.array(answer.weights)[:, :52], expected[name], atol=1e-5)
    assert served.host.open_voices == 0


@pytest.mark.parametrize(("requests", "code", "text"), [
    ([], "INVALID_ARGUMENT", "audio_stream_header first"),
    ([client.END], "INVALID_ARGUMENT", "audio_stream_header first"),
    ([b"\xff\xff\xff"], "INVALID_ARGUMENT", "expected an AudioStream"),
    ([client.header(channels=2)], "INVALID_ARGUMENT", "1 channel"),
    ([client.header(bits=32)], "INVALID_ARGUMENT", "16 bits"),
    ([client.header(0)], "INVALID_ARGUMENT", "8000..192000"),
    ([client.header(face={"skinStrength": float("nan")})], "INVALID_ARGUMENT", "expected a number"),
    ([client.header(multipliers={"JawOpen": float("inf")})], "INVALID_ARGUMENT", "expected a number"),
    ([client.header(beginning={"hunger": 1.0})], "INVALID_ARGUMENT", "one of amazement"),
    ([client.header(beginning={"joy": 7.0})], "INVALID_ARGUMENT", "0..1"),
    ([client.header(), client.header()], "INVALID_ARGUMENT", "header once"),
    ([client.header(), client.sound(b"", [(-1.0, {"joy": 1.0})])], "INVALID_ARGUMENT", "seconds >= 0"),
    ([client.header(), client.sound(b"", [(1.0, {})] * 1001)], "OUT_OF_RANGE", "1000 keys"),
    ([client.header(8000), client.sound(bytes(2 * 8000 * 11))], "OUT_OF_RANGE", "at most 10 s"),
    ([client.header(8000), *[client.sound(bytes(2 * 8000 * 9))] * 3], "OUT_OF_RANGE", "at most 20 s"),
])
def test_what_is_wrong_is_said(served, requests, code, text):
    answer, got, details = client.ask(served.channel, requests)
    assert got is grpc.StatusCode[code], details
    assert text in details
    assert answer.code == 3
    assert answer.message == details
    assert served.host.open_voices == 0


def test_a_stream_that_falls_silent_ends_and_frees_its_place(served):
    stop = threading.Event()

    def silent():
        yield client.header()
        stop.wait(20)

    _, code, details = client.ask(served.channel, silent())
    stop.set()
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "within 2 s" in details
    assert served.host.open_voices == 0


def test_hostile_bytes_hurt_nobody(served, spoken, rng):
    usual = b"".join(whole(spoken, face={"skinStrength": 1.0}, multipliers={"JawOpen": 1.0})[:1])
    good = threading.Thread(target=lambda: answers.append(client.ask(served.channel, whole(spoken, size=600))[0]))
    answers = []
    good.start()
    for i in range(60):
        content = bytearray(usual if i % 2 else rng.bytes(int(rng.integers(1, 300))))
        for _ in range(int(rng.integers(1, 6))):
            content[int(rng.integers(len(content)))] = int(rng.integers(256))
        requests = [bytes(content), client.sound(rng.bytes(int(rng.integers(0, 5000)))), client.END]
        _, code, _ = client.ask(served.channel, requests, timeout=20)
        assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)
    good.join(60)
    np.testing.assert_allclose(np.array(answers[0].weights)[:, :52], plain(spoken[0]), atol=1e-5)
    assert served.host.open_voices == 0


def test_a_full_house_says_so_and_a_token_is_asked_for(spoken):
    served = Served(token="open", sessions=1, idle_s=5)
    try:
        _, code, _ = client.ask(served.channel, whole(spoken))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        stop = threading.Event()

        def long():
            yield client.header()
            stop.wait(20)
            yield client.END

        right = (("authorization", "Bearer open"),)
        first = served.channel.stream_stream(client.METHOD)(long(), metadata=right)
        next(first)
        _, code, details = client.ask(served.channel, whole(spoken), metadata=right)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "at most 1" in details
        stop.set()
        assert client.Answer([bytes(content) for content in first]).code == 0
    finally:
        served.close()


def test_the_health_service_answers(served):
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(served.channel)
    for name in ("", SERVICE):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING


def test_a_taken_port_and_a_missing_extra_are_explained(served, monkeypatch):
    with pytest.raises(InputError, match="choose another port"):
        served.wait(open_server(served.host, port=served.port))
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(MissingExtra, match=r"personare\[serve\]"):
        served.wait(open_server(served.host, port=0))
