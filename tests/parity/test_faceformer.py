"""FaceFormer against numbers of the original modules, made with deterministic weights; tolerance 2e-6."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from personare.learn.nets.faceformer import FaceFormer, FaceFormerConfig, alignment_mask, biased_mask  # noqa: E402
from personare.motion.faceformer import Decoder, periodic_encoding  # noqa: E402

VALUES = 2e-6
TOKENS = {"vocaset": 1, "BIWI": 2}


def filled(key, shape):
    """The filler of the fixtures: an integer hash of the tensor's name and the place in it."""
    bound = np.sqrt(3 / shape[-1]) if key.endswith("weight") else 0.05
    seed = 0x811C9DC5
    for byte in key.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    mask = np.uint64(0xFFFFFFFF)
    x = (np.uint64(seed) + np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(0x9E3779B1)) & mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & mask
    return ((2 * (x.astype(np.float64) / 2**32) - 1) * bound).astype(np.float32).reshape(shape)


@pytest.fixture(scope="module")
def fixtures(shared):
    folder = shared / "fixtures" / "facetalk_nphm"
    return dict(np.load(folder / "motion.npz")), json.loads((folder / "state_dict_keys_motion.json").read_text())


@pytest.fixture(scope="module", params=TOKENS)
def case(fixtures, request):
    numbers, layouts = fixtures
    name = request.param
    layouts = layouts.get("state dicts", layouts)
    layout = layouts[f"faceformer_{name} (toy sizes)"]
    weights = {key: filled(key, shape) for key, shape in layout.items() if key != "PPE.pe"}
    config = FaceFormerConfig(channels=768, columns=30, width=16, period=5, speakers=3, tokens=TOKENS[name])
    network = FaceFormer(config).eval()
    network.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    own = {key.removeprefix(f"ff_{name}_"): value for key, value in numbers.items() if f"_{name}_" in key}
    return network, weights, own, numbers["ff_template"], numbers["ff_vertice"]


def test_masks_and_places(fixtures):
    numbers, _ = fixtures
    for key, mask in numbers.items():
        if key.startswith("ff_biased_mask"):
            frames, period = int(key.split("_T")[1].split("_")[0]), int(key.rsplit("_p", 1)[1])
            np.testing.assert_array_equal(biased_mask(frames, heads=4, period=period).numpy(), mask)
    np.testing.assert_array_equal(alignment_mask(7, 7, tokens=1), numbers["ff_memory_mask_vocaset_T7_S7"])
    np.testing.assert_array_equal(alignment_mask(7, 14, tokens=2), numbers["ff_memory_mask_BIWI_T7_S14"])
    place = periodic_encoding(16, 5)[np.arange(15) % 5]
    np.testing.assert_allclose(place, numbers["ff_ppe_d16_p5"], atol=VALUES)


def test_network(case):
    network, _, numbers, template, vertices = case
    hidden, speaker = torch.from_numpy(numbers["hidden"])[None], torch.eye(3)[1:2]
    truth = torch.from_numpy(vertices - template)[None]
    with torch.no_grad():
        predicted = network.predict(hidden, speaker)
        forced = network.teacher_forced(hidden, truth, speaker)
    np.testing.assert_allclose(predicted[0].numpy() + template, numbers["predict"], atol=VALUES)
    assert abs(float((predicted - truth).square().mean()) - numbers["loss_ar"]) < 1e-7
    assert abs(float((forced - truth).square().mean()) - numbers["loss_tf"]) < 1e-7
    assert abs(numbers["loss_ar"] - numbers["loss_tf"]) > 1e-3


def test_cached_decoder(case):
    network, weights, numbers, template, _ = case
    config = network.config
    decoder = Decoder(weights, np.float32([0, 1, 0]), heads=config.heads, period=config.period, tokens=config.tokens)
    pieces = [decoder.decode(numbers["hidden"][i * config.tokens : (i + size) * config.tokens])
              for i, size in ((0, 1), (1, 5), (6, 6))]
    np.testing.assert_allclose(np.concatenate(pieces) + template, numbers["predict"], atol=VALUES)


def test_rows_of_the_speech_encoder_at_the_rate_of_frames(fixtures):
    from personare.learn.nets.wav2vec2 import rows_at

    numbers = fixtures[0]
    given = torch.from_numpy(numbers["interp_in"])[None]
    for count, name in ((None, "interp_50_to_30"), (31, "interp_50_to_30_len31")):
        found = rows_at(given, 50.0, 30.0, count=count)[0].numpy()
        np.testing.assert_allclose(found, numbers[name], atol=1e-6)
