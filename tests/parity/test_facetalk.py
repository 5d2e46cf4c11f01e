"""Schedules, masks and attention of the motion diffusion against numbers of EDGE, MDM and DiffPoseTalk.

FaceTalk's own code was never published; these are the relatives it shares its parts with. Tolerance 2e-6, schedules
1e-6, but for the betas of one that was computed in float32.
"""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs the extra personare[learn]")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from personare.learn.nets.facetalk import (  # noqa: E402
    FacetalkConfig,
    HearingAttention,
    SelfAttention,
    alignment_mask,
    folded_attention,
)
from personare.motion.diffusion import alpha_bars, cosine_betas, linear_betas, posterior_sigmas  # noqa: E402

VALUES, SCHEDULE = 2e-6, 1e-6
# DiffPoseTalk divides cosines in float32, where those of late steps have few digits left.
SINGLE = 2e-5
WIDTH, HEADS, LAYERS, BEFORE, FRAMES, STEPS = 32, 4, 2, 3, 10, 50


@pytest.fixture(scope="module")
def fixtures(shared):
    folder = shared / "fixtures" / "facetalk_nphm"
    return dict(np.load(folder / "motion.npz")), json.loads((folder / "state_dict_keys_motion.json").read_text())


def filled(key, shape, bound=None):
    """The filler of the fixtures: an integer hash of the tensor's name and the place in it."""
    bound = bound or (np.sqrt(3 / shape[-1]) if key.endswith("weight") else 0.05)
    seed = 0x811C9DC5
    for byte in key.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    mask = np.uint64(0xFFFFFFFF)
    x = (np.uint64(seed) + np.arange(np.prod(shape), dtype=np.uint64) * np.uint64(0x9E3779B1)) & mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & mask
    return torch.from_numpy(((2 * (x.astype(np.float64) / 2**32) - 1) * bound).astype(np.float32).reshape(shape))


def test_schedules(fixtures):
    numbers, _ = fixtures
    np.testing.assert_allclose(cosine_betas(1000), numbers["edge_cosine1000_betas"], atol=SCHEDULE)
    np.testing.assert_allclose(cosine_betas(1000), numbers["mdm_cosine1000_betas"], atol=SCHEDULE)
    np.testing.assert_allclose(cosine_betas(500), numbers["mdm_cosine500_betas"], atol=SCHEDULE)
    for name, betas in (("linear", linear_betas(500)), ("cosine", cosine_betas(500, least=1e-4))):
        stored = {part: numbers[f"dpt_{name}500_{part}"] for part in ("betas", "alpha_bars", "sigmas_inflex")}
        tolerance = SINGLE if name == "cosine" else SCHEDULE
        # Its number 0 is the clean sample.
        np.testing.assert_allclose(betas, stored["betas"][1:], atol=tolerance)
        np.testing.assert_allclose(alpha_bars(betas), stored["alpha_bars"][1:], atol=tolerance)
        np.testing.assert_allclose(posterior_sigmas(betas), stored["sigmas_inflex"][1:], atol=tolerance)


def test_masks(fixtures):
    numbers, _ = fixtures
    for key, mask in (("dpt_align_mask_T6_w1", alignment_mask(6, 6)),
                      ("dpt_align_mask_T6_w2exp1", alignment_mask(6, 12, before=1, after=1, tokens_per_frame=2)),
                      ("ff_memory_mask_vocaset_T7_S7", alignment_mask(7, 7)),
                      ("ff_memory_mask_BIWI_T7_S14", alignment_mask(7, 14, tokens_per_frame=2))):
        np.testing.assert_array_equal(mask.numpy(), numbers[key])


@pytest.fixture(scope="module")
def weights(fixtures):
    layout = fixtures[1]["diffposetalk_denoiser (toy sizes)"]
    return {key: filled(key, shape) for key, shape in layout.items() if key not in ("TE.pe", "alignment_mask")}


def part(weights, module, prefix):
    own = {key.removeprefix(f"{prefix}."): value for key, value in weights.items() if key.startswith(f"{prefix}.")}
    module.load_state_dict(own)
    return module.eval()


def layer(weights, number, x, tokens):
    """A layer of DiffPoseTalk's decoder, its attention by our modules; token 0 is the person and hears everything."""
    prefix = f"transformer.layers.{number}"
    config = FacetalkConfig(1, 1, width=WIDTH, heads=HEADS)
    frames, hearing = SelfAttention(config), HearingAttention(config)
    own = part(weights, nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), f"{prefix}.self_attn")
    sound = part(weights, nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), f"{prefix}.multihead_attn")
    with torch.no_grad():
        frames.into.weight.copy_(own.in_proj_weight)
        frames.into.bias.copy_(own.in_proj_bias)
        frames.out.load_state_dict(own.out_proj.state_dict())
        weight, bias = folded_attention(sound)
        hearing.value.weight.copy_(weight)
        hearing.value.bias.copy_(bias)
    norms = [part(weights, nn.LayerNorm(WIDTH), f"{prefix}.norm{i}") for i in (1, 2, 3)]
    linear = [part(weights, nn.Linear(WIDTH, 2 * WIDTH), f"{prefix}.linear1"),
              part(weights, nn.Linear(2 * WIDTH, WIDTH), f"{prefix}.linear2")]
    still = torch.stack([torch.ones(x.shape[1], WIDTH // HEADS), torch.zeros(x.shape[1], WIDTH // HEADS)])
    x = norms[0](x + frames(x, still))
    heard = torch.cat([sound(x[:, :1], tokens, tokens)[0], hearing(x[:, 1:], tokens)], dim=1)
    x = norms[1](x + heard)
    return norms[2](x + linear[1](functional.gelu(linear[0](x))))


def test_attention_gives_what_a_related_denoiser_gives(fixtures, weights):
    count = BEFORE + FRAMES
    angle = torch.arange(STEPS + 1)[:, None] * torch.exp(torch.arange(0, WIDTH, 2) * (-np.log(10000.0) / WIDTH))
    code = torch.stack([angle.sin(), angle.cos()], dim=-1).reshape(STEPS + 1, WIDTH).float()
    into = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
    out = nn.Sequential(nn.Linear(WIDTH, WIDTH // 2), nn.GELU(), nn.Linear(WIDTH // 2, 54))
    x, sound, person = (filled(f"input:dpt_{name}", shape, 1.0) for name, shape in (
        ("x", (2, FRAMES, 54)), ("audio", (2, FRAMES, WIDTH)), ("person", (2, 1, 108))))
    x = torch.cat([filled("input:dpt_prevx", (2, BEFORE, 54), 1.0), x], dim=1)
    tokens = torch.cat([filled("input:dpt_preva", (2, BEFORE, WIDTH), 1.0), sound], dim=1)
    fresh = torch.cat([torch.zeros(2, BEFORE, 1), torch.ones(2, FRAMES, 1)], dim=1)
    with torch.no_grad():
        time = part(weights, into, "diff_step_map")(code[[7, 31]])[:, None]
        person = part(weights, nn.Linear(108, WIDTH), "person_proj")(person) + time
        x = part(weights, nn.Linear(55, WIDTH), "feature_proj")(torch.cat([x, fresh], dim=-1))
        x = torch.cat([person, x], dim=1) + weights["PE"]
        for number in range(LAYERS):
            x = layer(weights, number, x, tokens)
        given = part(weights, out, "motion_dec")(x[:, 1:])
    assert given.shape == (2, count, 54)
    np.testing.assert_allclose(given.numpy(), fixtures[0]["dpt_denoiser_out"], atol=VALUES)


@pytest.mark.parametrize("align", [0, 2])
def test_diagonal_attention_is_a_linear_map(align):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval()
    nn.init.normal_(attention.in_proj_bias)
    x, tokens = torch.randn(2, 9, WIDTH), torch.randn(2, 9, WIDTH)
    hearing = HearingAttention(FacetalkConfig(1, 1, width=WIDTH, heads=HEADS, align=align))
    with torch.no_grad():
        expected = attention(x, tokens, tokens, attn_mask=alignment_mask(9, 9, before=align, after=align))[0]
        if align:
            for i, linear in enumerate((hearing.query, hearing.key, hearing.value)):
                linear.weight.copy_(attention.in_proj_weight[i * WIDTH : (i + 1) * WIDTH])
                linear.bias.copy_(attention.in_proj_bias[i * WIDTH : (i + 1) * WIDTH])
            hearing.out.load_state_dict(attention.out_proj.state_dict())
        else:
            weight, bias = folded_attention(attention)
            hearing.value.weight.copy_(weight)
            hearing.value.bias.copy_(bias)
        np.testing.assert_allclose(hearing(x, tokens).numpy(), expected.numpy(), atol=VALUES)
