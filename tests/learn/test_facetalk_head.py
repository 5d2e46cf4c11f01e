"""facetalk learns how the head turns beside the curves, from clips that have poses."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx", reason="making graphs needs the extra personare[learn]")

from personare import STILL, Layers, animate  # noqa: E402
from personare.learn.dataset import open_dataset, write_clip  # noqa: E402
from personare.learn.facetalk import block_network  # noqa: E402
from personare.learn.learning import learn  # noqa: E402
from personare.learn.prepared import prepared  # noqa: E402
from personare.learn.recipes import facetalk as recipes  # noqa: E402
from personare.learn.train import TrainingOptions, fit  # noqa: E402
from personare.motion.blocks import Blocks  # noqa: E402
from personare.motion.facetalk import decoded  # noqa: E402
from personare.motion.head import angles_from_rotation, rotation_from_angles  # noqa: E402
from personare.spaces import HEAD_ANGLES  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402

FPS, OPTIONS = 20.0, {"known": 3, "fresh": 8, "overlap": 2, "front_end": "mel", "fps": 20.0, "steps": 3}
SHORT = TrainingOptions(rounds=2, steps=3, batch_size=4, learning_rate=1e-3, seed=2)


def angles_of_clip(number, frames=60):
    """(t, 3) slow turns of a head around a place of its own."""
    time = np.arange(frames) / FPS
    return np.stack([0.3 * np.sin(2 * np.pi * 0.5 * time + number), 0.1 * np.cos(2 * np.pi * 0.8 * time),
                     np.zeros(frames)], 1) + np.array([0.2 * number, -0.1, 0.05])


def write(folder, name, number, rng, *, posed=True):
    values = np.zeros((60, 52), np.float32)
    values[:, 17] = np.repeat(rng.uniform(0, 1, 12), 5)
    pose = np.repeat(np.eye(4, dtype=np.float32)[None], 60, 0)
    pose[:, :3, :3] = rotation_from_angles(angles_of_clip(number))
    write_clip(folder, name, motion=Motion(values, FPS, "arkit-52", pose if posed else None),
               audio=Audio((0.1 * rng.standard_normal(48000)).astype(np.float32), 16000))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for number, name in enumerate(("one", "three", "two")):
        write(folder, name, number, rng)
    return folder


def recipe_of(**more):
    return recipes.FacetalkRecipe(recipes.FacetalkTraining(**OPTIONS, **more))


def corpus_of(recipe, data, **more):
    return prepared(open_dataset(data), recipe.front_end(), fps=FPS, columns=("jawOpen",), held_out=("two",), **more)


def test_turns_are_against_their_own_mean_and_calm(rng):
    angles = angles_of_clip(2)
    found = recipes.turned(rotation_from_angles(angles + 0.02 * (-1.0) ** np.arange(60)[:, None]), FPS)
    # The shaking of every other frame is gone, the turn and its size are there.
    np.testing.assert_allclose(found[8:-8], (angles - angles.mean(0))[8:-8], atol=6e-3)
    assert abs(found.mean()) < 1e-6


def test_what_is_diffused_are_the_curves_and_the_turns_of_the_same_frames(data, monkeypatch):
    recipe, seen = recipe_of(), []
    corpus = corpus_of(recipe, data)
    monkeypatch.setattr(recipes, "facetalk_loss", lambda network, rows, values, **_: seen.append(values) or
                        sum(one.sum() for one in network.parameters()) * 0)
    fit(recipe, corpus, SHORT)
    wanted = {clip.values[i : i + 11].tobytes(): recipes.turned(clip.head_pose, FPS)[i : i + 11]
              for clip in corpus.to_learn for i in range(50)}
    found = 0
    for item in torch.cat(seen).numpy():
        turns = wanted.get(np.ascontiguousarray(item[:, :1]).tobytes())
        if turns is not None:
            np.testing.assert_allclose(item[:, 1:], turns, atol=1e-6)
            found += 1
    assert found > 10


def test_a_bundle_turns_the_head_as_the_network_does(data, tmp_path):
    found = learn("facetalk", data, tmp_path / "out", options=OPTIONS, training=SHORT, held_out=["two"])
    config = found.bundle.card.config
    assert config["columns"][-3:] == list(HEAD_ANGLES)
    assert config["brings"] == ["head"]
    sound = open_dataset(data).clips[0].audio()
    said = animate(sound, model=tmp_path / "out", fps=FPS, layers=Layers(blink=0, gaze=0, brows=0, head=1))
    assert animate(sound, model=tmp_path / "out", fps=FPS, layers=STILL).head_pose is None
    from safetensors.torch import load_file

    recipe = recipe_of()
    corpus = corpus_of(recipe, data)
    network = recipe.network(corpus)
    network.load_state_dict(load_file(found.bundle.path("weights.safetensors")))
    options = recipe._run_options(network.eval(), corpus)
    blocks, made = Blocks(block_network(network), options), []
    while sum(map(len, made)) < 60:
        rows = corpus.padded(corpus.clips[0], blocks.first_row, blocks.stop_row)
        made.append(decoded(*blocks.next(rows), options))
    angles = np.concatenate(made)[:60, -3:]
    np.testing.assert_allclose(angles_from_rotation(said.head_pose[:, :3, :3]), angles, atol=1e-5)
    assert angles.std(axis=0)[0] > 0.01


def test_without_poses_or_where_it_is_not_wanted_the_head_stays(data, tmp_path, rng):
    assert not recipe_of(head=False).turns(corpus_of(recipe_of(), data))
    for number, name in enumerate(("one", "two")):
        write(tmp_path, name, number, rng, posed=number == 0)
    recipe = recipe_of()
    corpus = corpus_of(recipe, tmp_path)
    assert recipe.columns_of(corpus) == ("jawOpen",)
    assert recipe.network(corpus).config.columns == 1
