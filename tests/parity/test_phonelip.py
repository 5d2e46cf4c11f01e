"""PhoneLip equals the published NumPy script on the same curves (1e-6)."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from personare.metrics.phonelip import Utterance, phonelip, read_labels
from personare.spaces import ARKIT_52
from personare.types import Motion

NAMES = {"closure_recall": "pbm_recall", "closure_precision": "pbm_prec", "closure_auc": "pbm_auc",
         "labiodental_auc": "fv_auc", "round_auc": "round_auc", "open_auc": "open_auc", "rest": "sil_closed",
         "score": "score"}


def test_phonelip_equals_the_reference_script(shared, tmp_path, rng):
    bench = shared / "bench"
    with open(bench / "index.csv", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    utterances = []
    for row in rows:
        labels = read_labels(bench / "labels" / f"{row['id']}.lab")
        frames = int(np.ceil(labels[-1][1] * 60)) + 3
        steps = rng.normal(0, 0.05, (frames, 52)).cumsum(axis=0)
        motion = Motion(np.clip(np.abs(np.sin(steps)) * 0.4, 0, 1), 60, ARKIT_52)
        np.savez(tmp_path / f"{row['id']}.npz", w=motion.values, names=np.array(ARKIT_52.columns), fps=60)
        utterances.append(Utterance(motion, labels, row["speaker"]))
    subprocess.run([sys.executable, bench / "phonelip.py", "--pred", tmp_path, "--json", tmp_path / "out.json"],
                   check=True, capture_output=True)
    theirs = json.loads((tmp_path / "out.json").read_text())
    ours = phonelip(utterances)
    for name, other in NAMES.items():
        assert ours[name] == pytest.approx(theirs["pooled"][other], abs=1e-6), name
    assert ours["gap_p95_cm"] == pytest.approx(theirs["extras"]["gap_p95_cm(abs)"], abs=1e-6)
    assert ours["share_above_12_hz"] == pytest.approx(theirs["extras"]["hf_ratio_>12Hz"], abs=1e-6)
    assert ours["closure_lag_ms"] == pytest.approx(theirs["extras"]["closure_lag_ms"], abs=1e-6)
