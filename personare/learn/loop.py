"""The training loop: one process makes batches, this one learns from them; it can be stopped and resumed.

Several networks can learn from the same batches; those after the first also imitate it.
"""

import math
import multiprocessing
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from personare.errors import InputError
from personare.learn.losses import imitation_loss, vox_loss

# Steps between checkpoints; half a thousand take a few minutes on one core.
SAVE_EVERY = 500


@dataclass(frozen=True)
class TrainOptions:
    """How long and how fast to learn.

    Args:
        steps: batches in all.
        minutes: stop earlier, finishing the schedule by then; 0 for no limit.
        batch_size: items a batch.
        learning_rate: highest, reached after a tenth of the steps.
        weight_decay: of AdamW.
        average: decay of the running mean of the weights, which is what is kept.
        half_precision: bfloat16 for the convolutions; three times faster on processors that have it.
        imitate: whether networks after the first learn from its answers too.
        gate_lags: how many frames late the gates of each network are asked to begin; they end in time. One of little
            look-ahead is then surer of them. None for none.
        threads: of torch; the process that makes batches comes on top.
        seed: of weights and batches.
    """

    steps: int = 6000
    minutes: float = 0.0
    batch_size: int = 24
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    average: float = 0.998
    half_precision: bool = True
    imitate: bool = True
    gate_lags: tuple[int, ...] = ()
    threads: int = 1
    seed: int = 0


def train(networks, make_sampler, options, *, teacher=None, checkpoint=None, report=None):
    """Train networks in place and return them with averaged weights, in evaluation mode.

    Args:
        networks: list of Vox, or of anything with the same outputs; those after the first learn from the labels
            and, with options.imitate, from the first network's answers alike.
        make_sampler: called with a seed, in another process; returns a data.Sampler whose context covers that of
            every network.
        options: TrainOptions.
        teacher: a trained network that all of them imitate in place of the first.
        checkpoint: Path to save to every 500 steps and to resume from; None for neither.
        report: called with (step, seconds, [mean loss of each network against the labels]) every 50 steps.

    Returns:
        The networks.
    """
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    lags = options.gate_lags or (0,) * len(networks)
    learners = [_Learner(network, options, lag) for network, lag in zip(networks, lags, strict=True)]
    step, before_s = _resume(checkpoint, learners)
    batches = _batches(make_sampler, options, first=step)
    begin, losses = time.monotonic() - before_s, []
    while (progress := _progress(step, time.monotonic() - begin, options)) < 1:
        batch = next(batches)
        example = _predicted(teacher, batch, options) if teacher else None
        losses.append([])
        for learner in learners:
            predicted, loss = learner.step(batch, example, progress)
            example = predicted if example is None and options.imitate else example
            losses[-1].append(loss)
        step += 1
        for learner in learners:
            learner.average(min(options.average, step / (step + 20)))
        elapsed_s = time.monotonic() - begin
        if step % 50 == 0 and report:
            report(step, elapsed_s, np.mean(losses, axis=0).tolist())
            losses.clear()
        if checkpoint and step % SAVE_EVERY == 0:
            torch.save({"step": step, "elapsed_s": elapsed_s, "learners": [learner.state() for learner in learners]},
                       checkpoint)
    batches.close()
    for learner in learners:
        learner.network.load_state_dict(learner.averaged)
        learner.network.eval()
    return networks


class _Learner:
    """A network, its optimiser, and the running mean of its weights."""

    def __init__(self, network, options, gate_lag):
        self.network, self.options, self.gate_lag = network.train(), options, gate_lag
        self.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=options.weight_decay)
        self.averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}

    def step(self, batch, example, progress):
        """Learn from one Batch, and from another's outputs for it or None; own outputs and loss on the labels."""
        labels = tuple(torch.from_numpy(array) for array in (batch.curves, batch.gates, batch.phones))
        trust, lag = torch.from_numpy(batch.phone_weight), self.gate_lag
        predicted = _predicted(self.network, batch, self.options)
        answered = tuple(part[:, lag:] for part in predicted)
        loss = on_labels = vox_loss(answered, *_begun_late(labels, lag), trust)
        if example is not None:
            loss = 0.5 * on_labels + 0.5 * imitation_loss(answered, _begun_late(example, lag))
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * _schedule(progress)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        return tuple(part.detach() for part in predicted), on_labels.item()

    def average(self, decay):
        """Move the running mean towards the weights."""
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                mean = self.averaged[name]
                mean.lerp_(value, 1 - decay) if value.is_floating_point() else mean.copy_(value)

    def state(self):
        """What a checkpoint keeps."""
        return {"network": self.network.state_dict(), "averaged": self.averaged,
                "optimiser": self.optimiser.state_dict()}


def _begun_late(wanted, lag):
    """(curves, gates, phones) from frame `lag` on, with gates that begin `lag` frames later and end when they did."""
    curves, gates, phones = wanted
    count = gates.shape[1] - lag
    late = torch.stack([gates[:, i : i + count] for i in range(lag + 1)]).amin(0)
    return curves[:, lag:], late, phones[:, lag:]


def _predicted(network, batch, options):
    """(curves, gates, phones) of a network for a Batch, in 32 bits; without gradients where it is not being trained."""
    rows = torch.from_numpy(np.ascontiguousarray(own_rows(batch, network.config)))
    half = torch.autocast("cpu", torch.bfloat16, enabled=options.half_precision)
    with torch.set_grad_enabled(network.training), half:
        return tuple(part.float() for part in network(rows))


def own_rows(batch, config):
    """The rows of a Batch that a network of some context needs.

    Args:
        batch: data.Batch.
        config: of the network, with frames_before and frames_after.

    Returns:
        (b, r, c) float32.
    """
    first = 2 * (batch.frames_before - config.frames_before)
    count = 2 * (config.frames_before + batch.curves.shape[1] + config.frames_after) + 1
    return batch.rows[:, first : first + count]


def _progress(step, elapsed_s, options):
    """Share of the run that is done, by steps or by time, whichever is further."""
    by_time = elapsed_s / (60 * options.minutes) if options.minutes else 0.0
    return max(step / options.steps, by_time)


def _schedule(progress):
    """Share of the highest learning rate: up in the first tenth, then down a cosine to a hundredth."""
    if progress < 0.1:
        return 0.05 + 0.95 * progress / 0.1
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - 0.1) / 0.9))


def _resume(checkpoint, learners):
    """Load a checkpoint where there is one; the step to go on from and the seconds already spent."""
    if not (checkpoint and checkpoint.exists()):
        return 0, 0.0
    state = torch.load(checkpoint, weights_only=True)
    if len(state["learners"]) != len(learners):
        raise InputError(checkpoint, expected=f"{len(learners)} networks", got=f"{len(state['learners'])}",
                         remedy="take it away, or go on with those it is of")
    for learner, kept in zip(learners, state["learners"], strict=True):
        learner.network.load_state_dict(kept["network"])
        learner.optimiser.load_state_dict(kept["optimiser"])
        learner.averaged.update(kept["averaged"])
    return state["step"], state["elapsed_s"]


def _batches(make_sampler, options, *, first):
    """Endless batches from a process of their own."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue(maxsize=4)

    def work():
        sampler = make_sampler(options.seed + 1000 * first)
        while True:
            queue.put(sampler.batch(options.batch_size))

    process = context.Process(target=work, daemon=True)
    with warnings.catch_warnings():
        # From Python 3.12 on, forking beside threads warns; the child touches nothing of torch.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    try:
        while True:
            yield queue.get()
    finally:
        process.terminate()
        process.join()
