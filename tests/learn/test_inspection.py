"""A lag that was put in is measured; each thing that was broken is found, and only that."""

from pathlib import Path

import numpy as np
import pytest

import personare
from personare.learn.dataset import noted_lag, open_dataset, write_clip
from personare.learn.inspection import inspected, lag_ms, spoken
from personare.types import Audio, Motion

HELLO = Path(__file__).parents[2] / "examples" / "hello.wav"


@pytest.fixture(scope="module")
def take():
    """The example twice, 8 s or more, and the built-in model's curves with some of their own life."""
    audio = personare.load(HELLO)
    audio = Audio(np.tile(audio.samples, 1 + int(8 // audio.duration_s)), audio.rate_hz)
    motion = personare.animate(audio, layers=personare.STILL, fps=60)
    rng = np.random.default_rng(0)
    life = 1 + 0.3 * np.sin(np.cumsum(rng.standard_normal((len(motion), 1)), axis=0) * 0.2)
    return audio, Motion((motion.values * life).clip(0, 1), 60, "arkit-52")


@pytest.mark.parametrize("lag", [-200, -67, 0, 33, 150])
def test_a_lag_is_measured_to_a_few_milliseconds(lag, take):
    audio, motion = take
    index = np.clip(np.arange(len(motion)) - round(lag * 0.06), 0, len(motion) - 1)
    moved = Motion(motion.values[index], 60, "arkit-52")
    assert lag_ms(spoken(audio), moved) == pytest.approx(lag, abs=9)


def test_motion_of_another_recording_has_no_lag(take, rng):
    audio, motion = take
    noise = np.cumsum(rng.standard_normal(motion.values.shape), axis=0)
    assert lag_ms(spoken(audio), Motion(noise, 60, "arkit-52")) is None


def kinds(folder):
    findings, lags = inspected(open_dataset(folder))
    return {finding.kind for finding in findings if finding.clip}, lags, findings


def test_nothing_is_said_of_a_clean_take(take, tmp_path):
    write_clip(tmp_path, "clean", audio=take[0], motion=take[1])
    found, lags, _ = kinds(tmp_path)
    assert found == set()
    assert abs(lags["clean"]) < 10


def test_each_fault_is_found(take, tmp_path):
    audio, motion = take
    values = motion.values

    def written(name, sound=audio, curves=values, fps=60):
        write_clip(tmp_path / name, name, audio=sound, motion=Motion(curves, fps, "arkit-52"))
        return kinds(tmp_path / name)

    loud = Audio((30 * audio.samples).clip(-1, 1), audio.rate_hz)
    assert written("clipped", sound=loud)[0] == {"clipping"}
    assert written("silent", sound=Audio(0 * audio.samples, audio.rate_hz))[0] == {"silence"}
    late, lags, findings = written("late", curves=np.concatenate([values[:1].repeat(9, 0), values[:-9]]))
    assert late == {"lag"}
    assert lags["late"] == pytest.approx(150, abs=9)
    assert "150 ms later" in findings[0].text.replace("149", "150").replace("151", "150")
    jumping = values.copy()
    jumping[200, 17] = 1.0 if values[200, 17] < 0.5 else 0.0
    jumping[:, 17] *= 0.5
    jumping[200, 17] *= 4
    assert "jump" in written("jumping", curves=jumping)[0]
    raised = values[np.arange(len(values)) * 4 // 5]
    found, _, findings = written("raised", curves=raised)
    assert "frozen" in found
    assert any("made at 48 frames a second and raised to 60" in finding.text for finding in findings)


def test_a_noted_lag_is_no_longer_reported(take, tmp_path):
    audio, motion = take
    late = np.concatenate([motion.values[:1].repeat(9, 0), motion.values[:-9]])
    write_clip(tmp_path, "late", audio=audio, motion=Motion(late, 60, "arkit-52"))
    dataset = open_dataset(tmp_path)
    noted_lag(dataset.clips[0], inspected(dataset)[1]["late"])
    found, lags, _ = kinds(tmp_path)
    assert found == set()
    assert abs(lags["late"]) < 1


def test_a_wrong_frame_rate_is_found_by_its_drift(take, tmp_path):
    audio, motion = take
    long = Audio(np.tile(audio.samples, 3)[: 25 * audio.rate_hz], audio.rate_hz)
    values = np.tile(motion.values, (3, 1))[:1500]
    slower = values[np.minimum((np.arange(1500) * 0.992).astype(int), 1499)]
    write_clip(tmp_path / "right", "right", audio=long, motion=Motion(values, 60, "arkit-52"))
    write_clip(tmp_path / "wrong", "wrong", audio=long, motion=Motion(slower, 60, "arkit-52"))
    assert "drift" not in kinds(tmp_path / "right")[0]
    found, _, findings = kinds(tmp_path / "wrong")
    assert "drift" in found
    text = next(finding.text for finding in findings if finding.kind == "drift")
    rate = float(text.partition("rather ")[2].partition(" than")[0])
    assert rate == pytest.approx(60 / 0.992, abs=0.15)
