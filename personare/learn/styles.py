"""The style of a take that a network has not learned from, found from some seconds of its sound and curves."""

import torch
from torch import nn

from personare.errors import AssetError, InputError

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


def add_style(source, folder, data, *, name, seconds=None):
    """Write a bundle that has one style more: that of some clips.

    Args:
        source: folder of a bundle that the recipe karras made.
        folder: where to.
        data: folder of clips of the new style, sound and curves in the bundle's space; the first is what is listened
            to.
        name: of the style.
        seconds: how much of the clip is looked at; default all.

    Returns:
        store.Bundle.

    Raises:
        InputError: clips in another space. AssetError: a bundle of another recipe, or a damaged one.
    """
    from personare.learn.dataset import open_dataset
    from personare.learn.prepared import prepared
    from personare.learn.recipes.karras import FPS, KarrasOptions, KarrasRecipe
    from personare.motion.karras import Karras
    from personare.store import read_bundle, write_bundle

    bundle, dataset = read_bundle(source), open_dataset(data)
    network, options = network_of(bundle), Karras(bundle).options
    if dataset.space != options.whole_space():
        raise InputError(data, expected=f"clips in {options.space}, as the bundle speaks", got=dataset.space.name,
                         remedy="convert them: personare convert --to")
    recipe = KarrasRecipe(KarrasOptions(networks=len(network), style_size=network[0].config.style_size))
    corpus = prepared(dataset, Karras(bundle).front_end(), fps=FPS, columns=options.columns)
    clip = corpus.clips[0]
    code = fitted_code(recipe, network, corpus, clip, frames=round(seconds * FPS) if seconds else None)
    styles = options.styles | {name: code[0].tolist()}
    card = {field: getattr(bundle.card, field) for field in ("name", "method", "summary", "licence", "sources")}
    files = {file: bundle.path(file).read_bytes() for file in bundle.card.files}
    return write_bundle(folder, card=card | {"config": bundle.card.config | {"styles": styles}}, files=files)


def network_of(bundle):
    """The networks of a bundle that the recipe karras made, in evaluation mode.

    Args:
        bundle: store.Bundle.

    Raises:
        AssetError: a bundle of another recipe, or a damaged one.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from personare.learn.nets.karras_time import KarrasTime, KarrasTimeConfig

    try:
        state = load_file(bundle.path("weights.safetensors"))
        count = len({key.partition(".")[0] for key in state})
        width, channels = state["0.sound.0.weight"].shape[:2]
        config = KarrasTimeConfig(len(state["0.basis.bias"]), channels, *state["0.styles"].shape[:1], width,
                                  state["0.styles"].shape[1])
        network = nn.ModuleList(KarrasTime(config) for _ in range(count))
        network.load_state_dict(state)
    except (SafetensorError, OSError, KeyError, RuntimeError, ValueError) as error:
        raise AssetError(f"{bundle.folder}: no weights of the recipe karras ({' '.join(str(error).split())[:100]}); "
                         "train it again with personare learn karras") from error
    return network.eval()
