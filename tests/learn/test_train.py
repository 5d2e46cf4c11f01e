"""Training: what was interrupted ends where it would have, the same seed gives the same, data is learned."""

from dataclasses import dataclass

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from personare.audio.front_ends import open_front_end  # noqa: E402
from personare.errors import InputError  # noqa: E402
from personare.learn.dataset import open_dataset, write_clip  # noqa: E402
from personare.learn.prepared import prepared  # noqa: E402
from personare.learn.recipes import Recipe  # noqa: E402
from personare.learn.train import CHECKPOINT, TrainingOptions, fit  # noqa: E402
from personare.types import Audio, Motion  # noqa: E402


@dataclass(frozen=True)
class Options:
    """Of a linear method."""

    dropout: float = 0.1


class Linear(Recipe):
    """A line from seven rows to the values, with dropout, so that chance matters."""

    options_type, frames, rows_before, rows_after = Options, 3, 3, 3
    fps = 30.0

    def front_end(self):
        return open_front_end("mel", rate_hz=60, band_count=12)

    def network(self, corpus):
        width = 7 * corpus.front_end.width
        return torch.nn.Sequential(torch.nn.Flatten(2), torch.nn.LayerNorm(width), torch.nn.Dropout(0.1),
                                   torch.nn.Linear(width, len(corpus.columns)))

    def loss(self, network, item, generator):
        noise = 0.01 * torch.randn(item.values.shape, generator=generator)
        return ((network(item.windows(3, 3)) - item.values + noise) ** 2)[item.known].mean()

    def predict(self, network, corpus, clip):
        windows = corpus.windows(clip, rows_before=3, rows_after=3)
        with torch.no_grad():
            return network(torch.from_numpy(windows)[None])[0].numpy()

    def export(self, network, corpus):
        return {}, {}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two clips whose first column is the loudness of the sound."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(3)
    for name in ("one", "two"):
        level = np.repeat(rng.uniform(0, 1, 40), 1600).astype(np.float32)
        values = np.zeros((120, 52), np.float32)
        values[:, 17] = level[:: 64000 // 120][:120]
        sound = (0.3 * level * rng.standard_normal(64000)).astype(np.float32)
        write_clip(folder, name, audio=Audio(sound, 16000), motion=Motion(values, 30, "arkit-52"))
    return prepared(open_dataset(folder), Linear(Options()).front_end(), fps=30, columns=("jawOpen",),
                    held_out=("two",))


def weights(network):
    return np.concatenate([value.numpy().ravel() for value in network.state_dict().values()])


OPTIONS = TrainingOptions(rounds=4, steps=15, batch_size=16, learning_rate=1e-2, seed=5)


def test_it_learns_and_the_same_seed_gives_the_same(corpus):
    network, curve = fit(Linear(Options()), corpus, OPTIONS)
    again, _ = fit(Linear(Options()), corpus, OPTIONS)
    other, _ = fit(Linear(Options()), corpus, TrainingOptions(**{**OPTIONS.__dict__, "seed": 6}))
    np.testing.assert_array_equal(weights(network), weights(again))
    assert not np.allclose(weights(network), weights(other), atol=1e-4)
    assert curve[-1][2] < 0.6 < curve[0][2]


@pytest.mark.parametrize("at", [3, 15, 33, 46])
def test_a_run_that_was_killed_ends_where_it_would_have(at, corpus, tmp_path):
    class Killed(Exception):
        pass

    def kill(step, steps):
        if step == at:
            raise Killed

    whole, _ = fit(Linear(Options()), corpus, OPTIONS)
    with pytest.raises(Killed):
        fit(Linear(Options()), corpus, OPTIONS, folder=tmp_path, progress=kill)
    steps = []
    resumed, curve = fit(Linear(Options()), corpus, OPTIONS, folder=tmp_path, progress=lambda a, b: steps.append(a))
    assert steps[0] == at // 15 * 15 + 1 - 15 * (at % 15 == 0)
    assert [row[0] for row in curve] == [0, 1, 2, 3]
    np.testing.assert_array_equal(weights(resumed), weights(whole))


def test_a_cut_off_checkpoint_is_never_left(corpus, tmp_path):
    fit(Linear(Options()), corpus, OPTIONS, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_patience_ends_a_run_that_gets_no_better(corpus):
    options = TrainingOptions(rounds=30, steps=2, batch_size=4, learning_rate=0.0, patience=2)
    _, curve = fit(Linear(Options()), corpus, options)
    assert len(curve) < 30


def test_a_logger_by_name(corpus, tmp_path):
    fit(Linear(Options()), corpus, TrainingOptions(rounds=1, steps=2, logger="csv"), folder=tmp_path)
    assert "loss" in next(tmp_path.rglob("metrics.csv")).read_text()
    with pytest.raises(InputError, match="one of csv, tensorboard, wandb"):
        fit(Linear(Options()), corpus, TrainingOptions(rounds=1, steps=2, logger="paper"), folder=tmp_path)


@pytest.mark.parametrize("asked", [{"accelerator": "abacus"}, {"precision": "8"}])
def test_a_machine_that_is_not_there(asked, corpus):
    with pytest.raises(InputError, match="one that this machine has"):
        fit(Linear(Options()), corpus, TrainingOptions(rounds=1, steps=2, **asked))
