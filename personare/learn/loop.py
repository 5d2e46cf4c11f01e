"""The training loop: one process makes batches, this one learns from them; it can be stopped and resumed."""

import math
import multiprocessing
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch

from personare.learn.losses import vox_loss

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
    threads: int = 1
    seed: int = 0


def train(network, make_sampler, options, *, checkpoint=None, report=None):
    """Train a network in place and return it with averaged weights, in evaluation mode.

    Args:
        network: a Vox, or anything with the same outputs.
        make_sampler: called with a seed, in another process; returns a data.Sampler.
        options: TrainOptions.
        checkpoint: Path to save to every 500 steps and to resume from; None for neither.
        report: called with (step, seconds, mean loss) every 50 steps.

    Returns:
        The network.
    """
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=options.weight_decay)
    averaged = {name: value.detach().clone() for name, value in network.state_dict().items()}
    step, before_s = _resume(checkpoint, network, optimiser, averaged)
    batches = _batches(make_sampler, options, first=step)
    network.train()
    begin, losses = time.monotonic() - before_s, []
    while (progress := _progress(step, time.monotonic() - begin, options)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * _schedule(progress)
        losses.append(_step(network, optimiser, next(batches), options.half_precision))
        step += 1
        decay = min(options.average, step / (step + 20))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                averaged[name].lerp_(value, 1 - decay) if value.is_floating_point() else averaged[name].copy_(value)
        elapsed_s = time.monotonic() - begin
        if step % 50 == 0 and report:
            report(step, elapsed_s, float(np.mean(losses)))
            losses.clear()
        if checkpoint and step % SAVE_EVERY == 0:
            torch.save({"step": step, "elapsed_s": elapsed_s, "network": network.state_dict(), "averaged": averaged,
                        "optimiser": optimiser.state_dict()}, checkpoint)
    batches.close()
    network.load_state_dict(averaged)
    return network.eval()


def _step(network, optimiser, batch, half_precision):
    rows, curves, gates, phones, trust = (torch.from_numpy(np.ascontiguousarray(array)) for array in (
        batch.rows, batch.curves, batch.gates, batch.phones, batch.phone_weight))
    with torch.autocast("cpu", torch.bfloat16, enabled=half_precision):
        predicted = network(rows)
    loss = vox_loss(tuple(part.float() for part in predicted), curves, gates, phones, trust)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.item()


def _progress(step, elapsed_s, options):
    """Share of the run that is done, by steps or by time, whichever is further."""
    by_time = elapsed_s / (60 * options.minutes) if options.minutes else 0.0
    return max(step / options.steps, by_time)


def _schedule(progress):
    """Share of the highest learning rate: up in the first tenth, then down a cosine to a hundredth."""
    if progress < 0.1:
        return 0.05 + 0.95 * progress / 0.1
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - 0.1) / 0.9))


def _resume(checkpoint, network, optimiser, averaged):
    """Load a checkpoint where there is one; the step to go on from and the seconds already spent."""
    if not (checkpoint and checkpoint.exists()):
        return 0, 0.0
    state = torch.load(checkpoint, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    averaged.update(state["averaged"])
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
