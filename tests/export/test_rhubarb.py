"""Mouth cues in four layouts: one story, told and read back."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from personare import registry
from personare.errors import InputError
from personare.export import rhubarb
from personare.export.mouth_cues import cues_of
from personare.spaces import RHUBARB_9
from personare.types import Motion, Take

KINDS = {"tsv": ".tsv", "json": ".json", "xml": ".xml", "moho": ".dat"}
SAMPLE = {
    "tsv": "0.00\tX\n0.05\tD\n0.27\tC\n0.31\tB\n0.47\tX\n",
    "json": '{"metadata": {"soundFile": "/a/b.wav", "duration": 0.47}, "mouthCues": ['
            '{"start": 0.00, "end": 0.05, "value": "X"}, {"start": 0.05, "end": 0.27, "value": "D"},'
            '{"start": 0.27, "end": 0.31, "value": "C"}, {"start": 0.31, "end": 0.47, "value": "B"}]}',
    "xml": """<?xml version="1.0" encoding="utf-8"?>
<rhubarbResult>
  <metadata>
    <soundFile>a &amp; b</soundFile>
    <duration>0.47</duration>
  </metadata>
  <mouthCues>
    <mouthCue start="0.00" end="0.05">X</mouthCue>
    <mouthCue start="0.05" end="0.27">D</mouthCue>
    <mouthCue start="0.27" end="0.31">C</mouthCue>
    <mouthCue start="0.31" end="0.47">B</mouthCue>
  </mouthCues>
</rhubarbResult>
""",
}


def reader(kind):
    return getattr(rhubarb, f"read_{kind}")


@pytest.mark.parametrize("kind", SAMPLE)
def test_files_of_the_program_itself_are_recognised_and_read(tmp_path, kind):
    path = tmp_path / f"take{KINDS[kind]}"
    path.write_text(SAMPLE[kind])
    name = registry.format_to_read(path)
    assert name == {"tsv": "rhubarb"}.get(kind, f"rhubarb-{kind}")
    motion = registry.load_reader(name)(path)
    assert (motion.space, motion.fps, len(motion)) == (RHUBARB_9, 60, 29)
    assert np.allclose(motion.values.sum(axis=1), 1, atol=1e-6)
    drawn = motion.values.argmax(axis=1)
    assert RHUBARB_9.columns[drawn[0]] == "X"
    assert {RHUBARB_9.columns[k] for k in drawn[5:15]} == {"D"}


def test_a_change_is_a_cross_fade_of_the_stated_length(tmp_path):
    (tmp_path / "a.tsv").write_text("0\tA\n1.0\tD\n2.0\tX\n")
    motion = rhubarb.read_tsv(tmp_path / "a.tsv")
    time_s = np.arange(len(motion)) / 60
    want = np.clip((time_s - 1) / rhubarb.FADE_S + 0.5, 0, 1)
    inside = time_s < 1.9
    assert np.abs(motion.column("D")[inside] - want[inside]).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_cues_come_back_to_a_frame(tmp_path, motion, kind):
    cues = cues_of(motion)
    getattr(rhubarb, f"write_{kind}")(tmp_path / "a", Take(motion, name="a & <b>"))
    back = cues_of(reader(kind)(tmp_path / "a"))
    assert [cue[2] for cue in back[:len(cues)]] == [cue[2] for cue in cues]
    off = [abs(one[0] - other[0]) for one, other in zip(cues, back, strict=False)]
    assert max(off) <= (1 / 24 if kind == "moho" else 1 / 60)


def test_what_is_written_is_what_other_programs_read(tmp_path, motion):
    take = Take(motion, name="a & <b>")
    for kind, suffix in KINDS.items():
        getattr(rhubarb, f"write_{kind}")(tmp_path / f"a{suffix}", take)
    lines = [line.split("\t") for line in (tmp_path / "a.tsv").read_text().splitlines()]
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["metadata"] == {"soundFile": "a & <b>", "duration": 2.0}
    cues = document["mouthCues"]
    assert [(f"{cue['start']:.2f}", cue["value"]) for cue in cues] == [tuple(line) for line in lines[:-1]]
    assert lines[-1] == ["2.00", "X"]
    tree = ElementTree.parse(tmp_path / "a.xml").getroot()
    assert tree.find("metadata/soundFile").text == "a & <b>"
    assert [cue.text for cue in tree.iter("mouthCue")] == [cue["value"] for cue in cues]
    assert (tmp_path / "a.dat").read_text().startswith("MohoSwitch1\n1 ")
    assert (tmp_path / "a.dat").read_text().endswith("\n49 rest\n")


def test_moho_counts_frames_from_one_and_knows_letters_too(tmp_path):
    (tmp_path / "a.dat").write_text("MohoSwitch1\n1 rest\n25 AI\n37 E\n49 rest\n")
    motion = rhubarb.read_moho(tmp_path / "a.dat")
    assert len(motion) == 120
    assert motion.column("D")[70] == 1  # AI is D; it starts at second 1.
    assert motion.column("C")[100] == 1  # E by name is C.
    (tmp_path / "b.dat").write_text("MohoSwitch1\n1 X\n25 D\n37 E\n49 X\n")
    assert rhubarb.read_moho(tmp_path / "b.dat").column("E")[100] == 1
    assert registry.format_to_read(tmp_path / "a.dat") == "moho"


@pytest.mark.parametrize(("kind", "text", "message"), [
    ("tsv", "", "no bytes"), ("tsv", "0\tA\n", "no cues"), ("tsv", "0 A\n1 B\n", "a cue without a time"),
    ("tsv", "0\tA\n1\tQ\n", "one of the drawings"), ("tsv", "0\tA\n-1\tB\n", "do not rise"),
    ("tsv", "0\tA\nnan\tB\n", "do not rise"), ("tsv", "0\tA\n1e9\tB\n", "six hours"),
    ("tsv", "0\tA\n0\tB\n", "no length"),
    ("json", "{}", "missing required field"), ("json", '{"mouthCues": []}', "no cues"),
    ("json", '{"mouthCues": [{"start": 0, "end": 1, "value": "Z"}]}', "one of the drawings"),
    ("xml", "<rhubarbResult/>", "no cues"), ("moho", "hello", "not MohoSwitch1"),
    ("moho", "MohoSwitch1\n1 smile\n", "a line '1 smile'"), ("moho", "MohoSwitch1\n" + "9" * 99 + " rest\n", "a line"),
])
def test_broken_files_give_one_clear_error(tmp_path, kind, text, message):
    (tmp_path / "a").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        reader(kind)(tmp_path / "a")
    assert str(caught.value).count(str(tmp_path)) == 1


def test_many_cues_at_one_moment_cost_nothing(tmp_path):
    (tmp_path / "a.tsv").write_text("0\tA\n" + "1\tB\n" * 200_000 + "2\tX\n")
    motion = rhubarb.read_tsv(tmp_path / "a.tsv")
    assert np.allclose(motion.values.sum(axis=1), 1, atol=1e-5)


def test_no_frames_are_an_end_alone(tmp_path):
    rhubarb.write_tsv(tmp_path / "a.tsv", Take(Motion(np.zeros((0, 9)), 30, RHUBARB_9)))
    assert (tmp_path / "a.tsv").read_text() == "0.00\tX\n"
