"""Training of any recipe, Lightning underneath: the same numbers whether or not it was interrupted on the way.

Steps come in rounds. Each round draws its batches and its chance from (seed, round) alone and ends with a checkpoint,
so a run that was stopped, at any moment and in any way, goes on from its last whole round as if nothing had been.
"""

import copy
import logging
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from personare.errors import InputError, MissingExtra
from personare.learn.recipes import Item
from personare.store import atomic_path, ensure_folder

CHECKPOINT = "last.ckpt"


@dataclass(frozen=True)
class TrainingOptions:
    """How long and how fast to learn; the same for every method.

    Args:
        rounds: rounds in all.
        steps: batches in a round.
        batch_size: items in a batch.
        learning_rate: highest one; the recipe says how it runs.
        average: decay of the running mean of the weights, which is what is judged and kept; 0 for the weights as
            they are.
        patience: rounds without a better figure on the held-out clips after which to stop; 0 never stops early.
        minutes: stop after so long, at the end of a round; 0 for no limit.
        clip: largest norm of the gradient; 0 for no limit.
        precision: of Lightning: "32-true", "bf16-mixed", "16-mixed" ...
        accelerator: "cpu", "gpu" or "auto".
        devices: how many, on one machine.
        logger: "", "csv", "tensorboard" or "wandb".
        threads: of torch on the processor; the result does not depend on it beyond rounding.
        seed: of weights, batches and chance.
    """

    rounds: int = 20
    steps: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-3
    average: float = 0.99
    patience: int = 0
    minutes: float = 0.0
    clip: float = 1.0
    precision: str = "32-true"
    accelerator: str = "cpu"
    devices: int = 1
    logger: str = ""
    threads: int = 1
    seed: int = 0


class Batches(torch.utils.data.Dataset):
    """The items of one round; item i is drawn from (seed, round, i) alone.

    Args:
        corpus: prepared.Corpus.
        recipe: Recipe.
        options: TrainingOptions.
        round: number of the round.
    """

    def __init__(self, corpus, recipe, options, round):
        self._corpus, self._recipe = corpus, recipe
        self._key, self._count = (options.seed, round), options.steps * options.batch_size
        self._clips = [i for i, clip in enumerate(corpus.clips) if not clip.held_out]
        sizes = np.array([max(1, len(corpus.clips[i].values) - recipe.frames + 1) for i in self._clips], np.float64)
        self._share = sizes / sizes.sum()

    def __len__(self):
        return self._count

    def __getitem__(self, number):
        """dict of arrays: the fields of an Item without its batch axis."""
        if not 0 <= number < self._count:
            raise IndexError(number)
        rng = np.random.default_rng((*self._key, number))
        index = self._clips[rng.choice(len(self._clips), p=self._share)]
        clip = self._corpus.clips[index]
        first = int(rng.integers(0, max(1, len(clip.values) - self._recipe.frames + 1)))
        return item_of(self._corpus, self._recipe, index, first)


def item_of(corpus, recipe, index, first, frames=None):
    """dict of arrays of one stretch of a clip: the fields of an Item without its batch axis.

    Args:
        corpus: prepared.Corpus.
        recipe: Recipe.
        index: of the clip.
        first: number of its first frame.
        frames: how many; default the recipe's.
    """
    clip, frames = corpus.clips[index], frames or recipe.frames
    centres = corpus.centres(np.arange(first, first + frames))
    begin = int(centres[0]) - recipe.rows_before
    # One row more than a whole number of frames may need, since a frame's row is rounded.
    span = int(np.ceil((frames - 1) * corpus.front_end.rate_hz / corpus.fps)) + 2
    rows = corpus.padded(clip, begin, begin + recipe.rows_before + span + recipe.rows_after, recipe.padding)
    known = np.arange(first, first + frames) < len(clip.values)
    values = clip.values[np.minimum(np.arange(first, first + frames), len(clip.values) - 1)]
    return {"rows": rows, "centres": centres - begin, "values": values, "known": known, "speaker": clip.speaker,
            "emotion": clip.emotion, "clip": index, "first": first}


class Learner(lightning.LightningModule):
    """A recipe as Lightning wants it: the network, its running mean, its optimiser.

    Args:
        recipe, corpus: what to learn.
        options: TrainingOptions.
        tell: called with (step, steps in all, seconds) now and then.
    """

    def __init__(self, recipe, corpus, options, tell=None):
        super().__init__()
        self.recipe, self.corpus, self.settings, self.tell = recipe, corpus, options, tell
        self.network = recipe.network(corpus)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.chance = None

    def train_dataloader(self):
        """The batches of the current round."""
        batches = Batches(self.corpus, self.recipe, self.settings, self.current_epoch)
        # A loader draws a number when it starts; one of its own leaves the chance of the round alone.
        return torch.utils.data.DataLoader(batches, batch_size=self.settings.batch_size, shuffle=False,
                                           generator=torch.Generator())

    def on_train_epoch_start(self):
        """Chance of a round depends on the round alone."""
        seed = int(np.random.SeedSequence((self.settings.seed, self.current_epoch, self.global_rank))
                   .generate_state(1)[0])
        torch.manual_seed(seed)
        self.chance = torch.Generator(device=self.device).manual_seed(seed)
        self.network.train()

    def training_step(self, batch, number):
        """Loss of one batch."""
        loss = self.recipe.loss(self.network, Item(**batch), self.chance)
        if not torch.isfinite(loss):
            raise InputError("learning", expected="a finite loss", got=f"{loss.item()} in step {self.global_step}",
                             remedy="lower --learning-rate, and look at the data with personare data check")
        self.log("loss", loss.detach(), on_step=False, on_epoch=True)
        return loss

    def on_before_optimizer_step(self, optimizer):
        """Set the learning rate of this step."""
        progress = self.global_step / (self.settings.rounds * self.settings.steps)
        for group in optimizer.param_groups:
            group["lr"] = float(self.settings.learning_rate * self.recipe.rate_at(progress))

    def on_train_batch_end(self, outputs, batch, number):
        """Move the running mean; tell how far it is."""
        decay = min(self.settings.average, (self.global_step + 1) / (self.global_step + 20))
        with torch.no_grad():
            for mean, value in zip(self.averaged.state_dict().values(), self.network.state_dict().values(),
                                   strict=True):
                mean.lerp_(value, 1 - decay) if value.is_floating_point() else mean.copy_(value)
        if self.tell:
            self.tell(self.global_step, self.settings.rounds * self.settings.steps)

    def configure_optimizers(self):
        """The recipe's own."""
        return self.recipe.optimiser(self.network, self.settings.learning_rate)


class Rounds(lightning.Callback):
    """What happens after each round: judging on the held-out clips, the checkpoint, the decision to stop.

    Args:
        folder: Path the checkpoint is kept in; None for none.
        options: TrainingOptions.
        tell: called after each round with (round, loss, held-out error, whether it is the best so far).
    """

    def __init__(self, folder, options, tell=None):
        self.folder, self.options, self.tell = folder, options, tell
        self.best, self.best_state, self.without, self.curve = float("inf"), None, 0, []
        self._begin = time.monotonic()

    def on_train_epoch_end(self, trainer, learner):
        """Judge, keep the best, stop where it no longer helps."""
        figure = held_out_error(learner.recipe, learner.averaged, learner.corpus)
        loss = float(trainer.callback_metrics.get("loss", float("nan")))
        self.curve.append([float(trainer.current_epoch), loss, figure])
        if np.isfinite(figure):
            learner.log("held_out", figure, rank_zero_only=True)
        if not figure >= self.best:
            self.best, self.without = figure if np.isfinite(figure) else float("inf"), 0
            self.best_state = {name: value.detach().clone().cpu()
                               for name, value in learner.averaged.state_dict().items()}
        else:
            self.without += 1
        tired = self.options.patience and self.without >= self.options.patience
        late = self.options.minutes and time.monotonic() - self._begin > 60 * self.options.minutes
        trainer.should_stop = trainer.should_stop or bool(tired or late)
        self._keep(trainer)
        if self.tell and trainer.is_global_zero:
            self.tell(*self.curve[-1], self.without == 0)

    def _keep(self, trainer):
        if self.folder is None or not trainer.is_global_zero:
            return
        with atomic_path(self.folder / CHECKPOINT) as temporary:
            trainer.save_checkpoint(temporary)

    def state_dict(self):
        """Plain numbers and tensors for the checkpoint."""
        return {"best": self.best, "best_state": self.best_state, "without": self.without, "curve": self.curve}

    def load_state_dict(self, state):
        """Go on from a checkpoint."""
        self.best, self.best_state = state["best"], state["best_state"]
        self.without, self.curve = state["without"], state["curve"]


def held_out_error(recipe, network, corpus):
    """Squared error by variance on the held-out clips; 1 is the error of their own mean.

    Columns count in the spread they have in the clips to learn from, so that angles and codes meet; those that hardly
    move there count for less. NaN where no clip is held out.
    """
    if not corpus.held_out:
        return float("nan")
    network = network.eval()
    with torch.no_grad():
        predicted = np.concatenate([recipe.predict(network, corpus, clip) for clip in corpus.held_out])
    truth = np.concatenate([clip.values for clip in corpus.held_out]).astype(np.float64)
    spread = corpus.value_std.astype(np.float64) ** 2
    weight = 1 / (spread + 0.05 * spread.mean() + 1e-12)
    variance = float((truth.var(axis=0) * weight).sum())
    return float((((predicted - truth) ** 2).mean(axis=0) * weight).sum()) / variance if variance else float("nan")


def fit(recipe, corpus, options, *, folder=None, progress=None, tell=None):
    """Train a recipe on a corpus.

    Args:
        recipe: Recipe.
        corpus: prepared.Corpus.
        options: TrainingOptions.
        folder: where the checkpoint is kept and found again; None for none.
        progress: called with (step, steps in all).
        tell: called after each round, see Rounds.

    Returns:
        (network in evaluation mode, curve: list of [round, loss, held-out error]). The network is the best on the
        held-out clips, or the last where there are none.
    """
    if not corpus.to_learn:
        raise InputError("held_out", expected="clips left to learn from", got="all of them held out",
                         remedy="hold out fewer")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    if recipe.closed_form:
        return recipe.network(corpus).eval(), []
    learner, rounds = Learner(recipe, corpus, options, progress), Rounds(folder, options, tell)
    resume = None
    if folder is not None:
        ensure_folder(folder)
        resume = folder / CHECKPOINT if (folder / CHECKPOINT).is_file() else None
    with _quiet():
        trainer = _trainer(options, folder, rounds)
        trainer.fit(learner, ckpt_path=None if resume is None else str(resume),
                    **({"weights_only": True} if resume else {}))
    if trainer.interrupted:
        raise KeyboardInterrupt
    network = learner.averaged.cpu()
    if rounds.best_state is not None and corpus.held_out:
        network.load_state_dict(rounds.best_state)
    return network.eval(), rounds.curve


def _trainer(options, folder, rounds):
    """Lightning's trainer.

    Raises:
        InputError: an accelerator, a number of devices or a precision that this machine does not have.
    """
    logger = _logger(options, folder)
    try:
        return lightning.Trainer(
            max_epochs=options.rounds, accelerator=options.accelerator, devices=options.devices,
            precision=options.precision, gradient_clip_val=options.clip or None, logger=logger,
            callbacks=[rounds], enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            use_distributed_sampler=True, reload_dataloaders_every_n_epochs=1, num_sanity_val_steps=0,
            deterministic="warn", log_every_n_steps=options.steps, default_root_dir=folder)
    except (MisconfigurationException, ValueError) as error:
        asked = f"{options.accelerator}, {options.devices} of them, {options.precision}"
        raise InputError("accelerator", expected="one that this machine has, with its devices and precision",
                         got=f"{asked}: {' '.join(str(error).split())[:120]}", remedy="use cpu") from error


def _logger(options, folder):
    """A Lightning logger by its name."""
    place = str(folder or Path("."))
    if options.logger == "":
        return False
    from lightning.pytorch import loggers

    makers = {"csv": lambda: loggers.CSVLogger(place, name="log"),
              "tensorboard": lambda: loggers.TensorBoardLogger(place, name="log"),
              "wandb": lambda: loggers.WandbLogger(project="personare", save_dir=place)}
    if options.logger not in makers:
        raise InputError("logger", expected=f"one of {', '.join(makers)}", got=options.logger, remedy="or none")
    try:
        return makers[options.logger]()
    except ModuleNotFoundError as error:
        raise MissingExtra(f"logging to {options.logger}", package=options.logger, extra="learn") from error


@contextmanager
def _quiet():
    """Lightning without its advertisements: warnings and messages meant for its own users."""
    logs = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [log.level for log in logs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in logs:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(logs, levels, strict=True):
                log.setLevel(level)
