"""Phone times of recordings by many speakers: the likeliest phones, the language model, what is on a card."""

import shutil
import sys
from itertools import pairwise, product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra learn")
pytest.importorskip("soundfile", reason="needs soundfile, of the extra test")
SCRIPTS = Path(__file__).parents[2] / "scripts"
if not SCRIPTS.is_dir():
    pytest.skip("scripts are not part of an installed package", allow_module_level=True)
sys.path[:0] = [str(SCRIPTS / "vox"), str(SCRIPTS)]
import crowd  # noqa: E402
import train_vox  # noqa: E402


def worth(segments, scores, usual):
    """What heard maximises, of (phone, begin, end)s."""
    total, before = 0.0, None
    for phone, begin, end in segments:
        total += scores[begin:end, phone].sum() + crowd.ORDER * usual[before or 0, phone]
        total -= crowd.PHONE_COST if before is not None else 0
        before = phone
    return total


def segmentations(count, phones):
    """All ways to cut frames into stretches of at least LEAST_FRAMES, no phone twice in a row."""
    cuts = [()] + [(a,) for a in range(count)] + [(a, b) for a in range(count) for b in range(a)]
    for cut in cuts:
        edges = [0, *sorted(cut), count]
        if min(np.diff(edges)) < crowd.LEAST_FRAMES:
            continue
        for names in product(phones, repeat=len(edges) - 1):
            if all(a != b for a, b in pairwise(names)):
                yield [(name, a, b) for name, a, b in zip(names, edges, edges[1:], strict=False)]


@pytest.mark.parametrize("seed", range(6))
def test_the_phones_heard_are_the_likeliest_of_all(seed):
    rng, phones = np.random.default_rng(seed), [0, 5, 9]
    scores = np.full((11, 42), -1e6)
    scores[:, phones] = rng.normal(0, 2, (11, 3))
    usual = rng.normal(-2, 1, (42, 42))
    found = crowd.heard(scores, usual)
    best = max(segmentations(11, phones), key=lambda segments: worth(segments, scores, usual))
    assert found == best


def test_bigrams_give_shares_that_add_up_to_one():
    lines = crowd.bigrams(["a large coffee", "a small coffee", "coffee"]).splitlines()
    middle = lines.index("\\2-grams:")
    rows = [line.split() for line in lines[lines.index("\\1-grams:") + 1:middle] if line]
    single = {word: 10 ** float(share) for share, word, _ in rows if word != "<s>"}
    assert sum(single.values()) == pytest.approx(1, abs=1e-3)
    back_off = {word: 10 ** float(share) for _, word, share in rows}
    pairs = [line.split() for line in lines[middle + 1:] if line and line[0] != "\\"]
    after_a = {second: 10 ** float(share) for share, first, second in pairs if first == "a"}
    assert set(after_a) == {"large", "small"}
    rest = sum(share for word, share in single.items() if word not in after_a)
    assert sum(after_a.values()) + back_off["a"] * rest == pytest.approx(1, abs=1e-3)


@pytest.mark.skipif(shutil.which("flite") is None, reason="needs the command flite")
def test_unknown_words_are_pronounced_with_the_aligners_phones():
    assert crowd.pronounced("kaliko") == "K AE L IY K OW"
    assert "AX" not in crowd.pronounced("brion's").split()


def test_cards_name_the_crowd_where_it_was_heard(tmp_path):
    def named(start):
        options = SimpleNamespace(work=tmp_path, start=start)
        return [source["name"] for source in train_vox.sources_of(options)]

    (tmp_path / "shards").mkdir()
    alone = named(None)
    assert not any("LibriSpeech" in name or "Picovoice" in name for name in alone)
    (tmp_path / "shards" / "crowd_commands.npz").touch()
    assert named(None) == [*alone, train_vox.CROWD["crowd_commands"]["name"]]
    # What the shipped networks heard is named whatever is there now.
    shipped = named(SCRIPTS.parent / "personare" / "builtin")
    assert shipped == [*alone, *(source["name"] for source in train_vox.CROWD.values())]


def test_sentences_of_librispeech_are_found_in_any_set(tmp_path):
    chapter = tmp_path / "dev-clean" / "84" / "121123"
    chapter.mkdir(parents=True)
    (chapter / "84-121123.trans.txt").write_text("84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT, O'BRIEN!\n"
                                                 "84-121123-0002 NO SOUND\n")
    (chapter / "84-121123-0000.flac").touch()
    (chapter / "84-121123-0001.wav").touch()
    assert list(crowd.librispeech(tmp_path)) == [
        (chapter / "84-121123-0000.flac", "go do you hear", "84"),
        (chapter / "84-121123-0001.wav", "but o'brien", "84")]
