"""Learning from start to end: clips in, a bundle out that runs without torch, with a report of how good it is.

    DATA -> prepared.Corpus -> train.fit -> a bundle, proved against the network -> comparison and report beside it.
"""

import dataclasses
import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personare.errors import InputError, OutputError
from personare.learn.comparison import baselines, figures
from personare.learn.dataset import Dataset, open_dataset
from personare.learn.prepared import prepared
from personare.learn.proof import prove
from personare.learn.recipes import options_of, recipe_class
from personare.learn.report import written_report
from personare.learn.train import TrainingOptions, fit
from personare.spaces import unknown_name
from personare.store import CARD, Bundle, atomic_path, ensure_folder, write_bundle

REPORT, FIGURES, WEIGHTS, RUN = "report.html", "figures.json", "weights.safetensors", "run.json"
# Clips kept for judging where nobody says which: the last of so many, by name, so the end of a take that was cut.
HELD_OUT_SHARE = 5
# What may differ between a run and the one it goes on from.
_FREE = {"rounds", "minutes", "patience", "logger", "threads"}


@dataclass(frozen=True)
class Learned:
    """What came of it.

    Args:
        bundle: store.Bundle.
        figures: name of a prediction -> dict of comparison.figures on the held-out clips; {} where none were.
        proof: see proof.prove.
        curve: list of [round, loss, held-out error].
    """

    bundle: Bundle
    figures: dict
    proof: dict
    curve: list


def learn(method, data, out, *, options=None, training=None, held_out=None, fresh=False, progress=None, tell=None):
    """Train a method on a folder of clips and write what comes of it.

    A run that was stopped goes on where it was: what it needs for that is kept in OUT.learning beside the bundle,
    which also holds its logs and may be deleted. The bundle itself appears only once it is complete and proved.

    Args:
        method: name in recipes.RECIPES.
        data: folder of clips, see docs/learn.md, or a Dataset.
        out: folder of the bundle.
        options: of the recipe: an instance of its options, or a dict of names and values; default its defaults.
        training: TrainingOptions; default the recipe's.
        held_out: names of clips kept for judging, () for none; None for those whose meta says so, and where there are
            none of these the last fifth by name.
        fresh: begin anew where an earlier run could be gone on with.
        progress: called as progress(stage) -> function of (done, total) for each stage.
        tell: called after each round with (round, loss, held-out error, whether it is the best so far).

    Returns:
        Learned.

    Raises:
        InputError: unknown method, option or clip, bad data, or an earlier run with other settings.
        MissingExtra: torch is not installed.
    """
    kind, out = recipe_class(method), Path(out)
    training, stage = training or TrainingOptions(**kind.training), progress or (lambda title: None)
    recipe = kind(options if isinstance(options, kind.options_type) else options_of(kind.options_type, options or {}))
    dataset = data if isinstance(data, Dataset) else open_dataset(data)
    if out.exists() and not (out / CARD).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(f"{out}: something else is there; choose another name for the bundle")
    corpus = prepared(dataset, recipe.front_end(), fps=recipe.fps, columns=recipe.columns or moving(dataset),
                      held_out=chosen(dataset, held_out), progress=stage("listen"))
    if corpus.silence is None:
        recipe.pad_with_zeros()
    folder = out.with_name(out.name + ".learning")
    _begin(folder, _settings(method, recipe, training, corpus), fresh)
    network, curve = fit(recipe, corpus, training, folder=folder, progress=stage("learn"), tell=tell)
    compared = compare(recipe, network, corpus)
    told = {name: figures(*_joined(corpus, values)) for name, values in compared.items()}
    files, card = _contents(method, recipe, network, corpus, dataset)
    with tempfile.TemporaryDirectory() as trial:
        write_bundle(trial, card=card, files=files)
        proof = prove(trial, recipe, network, corpus)
    files |= {REPORT: written_report(card, corpus, compared, told, proof, curve).encode(),
              FIGURES: json.dumps({"held_out": told, "proof": proof, "curve": curve}, indent=2).encode()}
    return Learned(write_bundle(out, card=card, files=files), told, proof, curve)


def moving(dataset):
    """Names of the columns that are ever other than 0; the rest needs no learning."""
    most = np.max([np.abs(clip.motion.values).max(axis=0) for clip in dataset.clips], axis=0)
    names = tuple(name for name, size in zip(dataset.space.columns, most, strict=True) if size > 1e-4)
    if not names:
        raise InputError(dataset.folder, expected="curves that move", got="zeros alone",
                         remedy="look at the data with personare data stats")
    return names


def chosen(dataset, names):
    """Names of the clips kept for judging, beside those whose meta says so.

    Raises:
        InputError: a clip of that name is not there.
    """
    known = tuple(clip.name for clip in dataset.clips)
    if names is None:
        marked = any(clip.meta.held_out for clip in dataset.clips)
        count = 0 if marked or len(known) < 2 else max(1, len(known) // HELD_OUT_SHARE)
        return known[len(known) - count :]
    for name in names:
        if name not in known:
            raise unknown_name("held_out", name, known)
    return tuple(names)


def compare(recipe, network, corpus):
    """dict: name -> list of (t, k) values, one for each held-out clip: what was learned, and what it has to beat."""
    if not corpus.held_out:
        return {}
    return {"learned": [recipe.predict(network, corpus, clip) for clip in corpus.held_out], **baselines(corpus)}


def _joined(corpus, values):
    return np.concatenate([clip.values for clip in corpus.held_out]), np.concatenate(values)


def _settings(method, recipe, training, corpus):
    """What a run depends on, as plain values."""
    content = hashlib.sha256()
    for clip in corpus.clips:
        content.update(repr((clip.name, clip.held_out, clip.values.shape, clip.rows.shape)).encode())
        content.update(clip.values.tobytes())
    kept = {name: value for name, value in dataclasses.asdict(training).items() if name not in _FREE}
    return json.loads(json.dumps({"method": method, "options": dataclasses.asdict(recipe.options), "training": kept,
                                  "columns": corpus.columns, "data": content.hexdigest()}, default=str))


def _begin(folder, settings, fresh):
    """Check that what was begun in a folder is the same run, or clear it."""
    from personare.learn.train import CHECKPOINT

    ensure_folder(folder)
    path = folder / RUN
    if fresh:
        (folder / CHECKPOINT).unlink(missing_ok=True)
    elif (folder / CHECKPOINT).is_file() and path.is_file():
        try:
            before = json.loads(path.read_text())
        except ValueError:
            before = {}
        other = [name for name in settings if before.get(name) != settings[name]]
        if other:
            raise InputError(folder, expected=f"a run with the same {', '.join(other)}", got="one with others",
                             remedy="add --fresh to begin anew, or choose another name for the bundle")
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=2))


def _contents(method, recipe, network, corpus, dataset):
    """(files, card) of the bundle."""
    from safetensors.torch import save

    files, config = recipe.export(network, corpus)
    state = {name: value.detach().clone().contiguous() for name, value in network.state_dict().items()}
    sources = {(clip.meta.source or f"clips in {dataset.folder.name}", clip.meta.licence or "not stated")
               for clip in dataset.clips}
    licences = sorted({licence for _, licence in sources})
    card = {"name": method, "method": recipe.method or method, "summary": recipe.summary,
            "licence": f"that of its training data: {'; '.join(licences)}",
            "sources": [{"name": name, "licence": licence, "use": "training"} for name, licence in sorted(sources)],
            "config": config}
    return {WEIGHTS: save(state)} | files, card
