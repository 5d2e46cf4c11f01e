"""FaceFormer at run time: the bundle says what its decoder says, in any pieces, and one frame costs like another."""

import io
import time

import numpy as np
import pytest

from personare.audio.front_ends import features_of, open_front_end
from personare.errors import AssetError, InputError
from personare.motion.faceformer import AROUND, Decoder, open_faceformer
from personare.store import read_bundle, write_bundle
from personare.types import Audio

HEARD, WIDTH, COLUMNS, PEOPLE = {"band_count": 6, "rate_hz": 60.0}, 8, 3, 2
LAYER = "transformer_decoder.layers.0."


def arrays(rng, *, rows=3):
    def matrix(*shape):
        return rng.normal(0, 1 / np.sqrt(shape[-1]), shape).astype(np.float32)

    found = {"audio_feature_map.weight": matrix(WIDTH, rows * 6), "vertice_map.weight": matrix(WIDTH, COLUMNS),
             "vertice_map_r.weight": matrix(COLUMNS, WIDTH), "obj_vector.weight": matrix(WIDTH, PEOPLE),
             f"{LAYER}linear1.weight": matrix(16, WIDTH), f"{LAYER}linear2.weight": matrix(WIDTH, 16)}
    for part in ("self_attn", "multihead_attn"):
        found[f"{LAYER}{part}.in_proj_weight"] = matrix(3 * WIDTH, WIDTH)
        found[f"{LAYER}{part}.in_proj_bias"] = matrix(3 * WIDTH)
        found[f"{LAYER}{part}.out_proj.weight"] = matrix(WIDTH, WIDTH)
    found |= {f"{LAYER}norm{i}.weight": np.ones(WIDTH, np.float32) for i in (1, 2, 3)}
    for name in [name for name in found if name.endswith(".weight") and name != "obj_vector.weight"]:
        found[name[:-6] + "bias"] = 0.1 * matrix(len(found[name]))
    return found | {"mean": matrix(6) - 5, "std": np.full(6, 2, np.float32), "rest": matrix(COLUMNS),
                    "size": np.float32([0.3])}


def written(folder, found, **own):
    packed = io.BytesIO()
    np.savez(packed, **found)
    config = {"front_end": "mel", "front_end_options": HEARD, "frame_hz": 30.0, "rows_before": 2, "rows_after": 2,
              "space": "face", "space_columns": ["a", "b", "c"], "styles": {"ann": [1.0, 0.0], "bob": [0.0, 1.0]},
              "own": {"heads": 2, "period": 5, "every": 2} | own}
    write_bundle(folder, files={"decoder.npz": packed.getvalue()}, card={
        "name": "f", "method": "faceformer", "summary": "", "licence": "CC0", "sources": [], "config": config})
    return folder


@pytest.fixture
def found(rng):
    return arrays(rng)


def said(method, sound, *, pieces, **options):
    session = method.session(**options)
    parts = [session.push(piece) for piece in np.array_split(sound, pieces)] + [session.finish()]
    return np.concatenate([part.values for part in parts])


@pytest.mark.parametrize(("style", "code"), [(None, [1, 0]), ("bob", [0, 1]), (np.float32([0.5, 0.5]), [0.5, 0.5])])
def test_any_pieces_give_what_the_decoder_gives(found, tmp_path, rng, style, code):
    sound = (0.1 * rng.standard_normal(20000)).astype(np.float32)
    front_end = open_front_end("mel", **HEARD)
    rows = features_of(front_end, Audio(sound, 16000)).values
    silent = front_end.silent_row()
    windows = np.stack([np.stack([rows[j] if 0 <= j < len(rows) else silent for j in range(2 * i - 2, 2 * i + 3, 2)])
                        for i in range(38)])
    decoder = Decoder(found, np.float32(code), heads=2, period=5)
    wanted = decoder.decode(((windows - found["mean"]) / found["std"]).reshape(38, -1)) * 0.3 + found["rest"]
    method = open_faceformer(written(tmp_path / "b", found))
    for pieces in (1, 41):
        np.testing.assert_allclose(said(method, sound, pieces=pieces, style=style), wanted, atol=1e-5)
    assert wanted.std(axis=0).min() > 1e-3
    with pytest.raises(InputError, match="did you mean 'bob'"):
        method.session(style="bop")


def test_a_late_frame_costs_what_an_early_one_does(found):
    decoder = Decoder(found, np.float32([1, 0]), heads=2, period=5)
    features = np.random.default_rng(0).normal(0, 1, (4800, 18)).astype(np.float32)
    seconds = []
    for part in np.split(features, 8):
        begin = time.thread_time()
        values = decoder.decode(part)
        seconds.append(time.thread_time() - begin)
    # Decoding all frames anew makes the last eighth fifteen times as long as the first.
    assert min(seconds[4:]) < 3 * max(seconds[1:3])
    assert np.isfinite(values).all()


def test_what_does_not_fit_its_card_is_refused(found, tmp_path, monkeypatch):
    with pytest.raises(AssetError, match=r"audio_feature_map\.weight: expected shape \(8, 12\)"):
        open_faceformer(written(tmp_path / "a", arrays(np.random.default_rng(0)), every=3))
    with pytest.raises(AssetError, match="width 8 for 3 heads"):
        open_faceformer(written(tmp_path / "b", found, heads=3))
    del found["mean"]
    with pytest.raises(AssetError, match=r"decoder\.npz"):
        open_faceformer(written(tmp_path / "c", found))
    assert set(AROUND) == {"mean", "std", "rest", "size"}
    assert read_bundle(tmp_path / "c").card.method == "faceformer"
    monkeypatch.setenv("PERSONARE_HOME", str(tmp_path / "home"))
    with pytest.raises(AssetError, match="models/faceformer"):
        open_faceformer()
