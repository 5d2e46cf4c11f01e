"""The style of a take that a network has not learned from, found from some seconds of its sound and curves."""

import torch

from personare.errors import InputError

# Steps of the search, and what a code may move from the learned one it starts at, in its own spread.
STEPS, SPRING = 60, 0.02


def fitted_code(recipe, network, corpus, clip, *, frames=None):
    """The code with which a network says a clip best.

    The search starts at the learned style that fits best, none included, and is held near to it, since a few seconds
    say little of columns that hardly move in them.

    Args:
        recipe: recipes.karras.KarrasRecipe.
        network: its network.
        corpus: prepared.Corpus.
        clip: PreparedClip with sound and curves.
        frames: how many of its first frames are looked at; default all.

    Returns:
        (1, s) float32 tensor, see KarrasRecipe.spoken_with.

    Raises:
        InputError: fewer than two frames.
    """
    count = min(len(clip.values), frames or len(clip.values))
    if count < 2:
        raise InputError("frames", expected="2 or more", got=str(count), remedy="give a longer take")
    values = torch.from_numpy(clip.values[:count])
    rows = torch.from_numpy(recipe.rows_of(corpus, clip)[: 2 * count - 1 + 2 * recipe.rows_before])[None]
    learned = torch.cat([one.styles for one in network], 1).detach()
    candidates = [torch.zeros(1, learned.shape[1]), learned.mean(0, keepdim=True), *learned.split(1)]
    network.requires_grad_(False)
    with torch.no_grad():
        errors = [(recipe.voiced(network, rows, code)[0] - values).square().mean() for code in candidates]
    start = candidates[int(torch.stack(errors).argmin())]
    size, spread = values.var(0).sum().clamp_min(1e-6), learned.std(0, keepdim=True).clamp_min(1e-2) \
        if len(learned) > 1 else torch.ones_like(start)
    moved = torch.zeros_like(start, requires_grad=True)
    search = torch.optim.Adam([moved], lr=0.05)
    for _ in range(STEPS):
        search.zero_grad()
        error = (recipe.voiced(network, rows, start + moved * spread)[0] - values).square().mean(0).sum() / size
        (error + SPRING * moved.square().mean()).backward()
        search.step()
    network.requires_grad_(True)
    return (start + moved * spread).detach()
