"""What the originals' portrait networks cost on one thread of a processor: numbers, seconds a frame, seconds a step.

Times are processor seconds, so they hold on a busy machine as well; memory is the most that a process of its own took.
A training step is of one item, with the judge where there is one and without VGG's weights.

    python benchmarks/portrait_originals.py [--only NAME] [--no-training]
"""

import argparse
import json
import multiprocessing
import resource
import time

import numpy as np

FRAMES = 3


def drawn(*shape):
    """Numbers in 0..1 as a tensor."""
    import torch

    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def puppetry(side):
    """Neural Voice Puppetry's renderer."""
    from personare.learn.nets.puppetry_renderer import PuppetryRenderer, RendererConfig

    network = PuppetryRenderer(RendererConfig())
    return network, (2 * drawn(1, 2, side, side) - 1, 2 * drawn(1, 3, side, side) - 1), {"judge": network.netD}


def audiodvp(side):
    """AudioDVP's neural face renderer."""
    from personare.learn.nets.dvp_renderer import dvp_judge, dvp_renderer

    return dvp_renderer(), (2 * drawn(1, 21, side, side) - 1,), {"judge": dvp_judge()}


def encoder(side):
    """style_avatar's texture encoder, once for a person."""
    from personare.learn.nets.style_avatar import StyleAvatarConfig, texture_encoder

    return texture_encoder(StyleAvatarConfig()), (2 * drawn(1, 9, side, side) - 1,), {}


def generator(side):
    """style_avatar's generator."""
    from personare.learn.nets import style_avatar as nets

    config = nets.StyleAvatarConfig()
    return nets.generator(config), (2 * drawn(1, 16, side, side) - 1,), {"judge": nets.judge(config)}


def blender(side):
    """style_avatar's blender."""
    from personare.learn.nets import style_avatar as nets

    return nets.generator(nets.StyleAvatarConfig(), 3), (2 * drawn(1, 3, side, side) - 1,), {}


def unet(side):
    """One of the two U-Nets of style_avatar's own Neural Voice Puppetry."""
    from personare.learn.nets.style_avatar import TextureUNet

    return TextureUNet(16, 3, pooled=False), (2 * drawn(1, 16, side, side) - 1,), {}


NETWORKS = {"Neural Voice Puppetry, renderer, 256": (puppetry, 256), "Neural Voice Puppetry, renderer, 512":
            (puppetry, 512), "AudioDVP, renderer, 256": (audiodvp, 256), "style_avatar, texture encoder, 256":
            (encoder, 256), "style_avatar, generator, 224": (generator, 224), "style_avatar, blender, 224":
            (blender, 224), "style_avatar's NVP, one U-Net, 224": (unet, 224)}
# Batches and items a batch, as published; the trainings are those of portrait_tasks.
TASKS = {"style-avatar": (224, 256, {}), "style-avatar-blender": (224, 256, {}), "style-avatar-nvp": (192, 256, {}),
         "puppetry-renderer": (192, 256, {}), "dvp-renderer": (256, 256, {})}


def _quiet():
    import torch

    torch.set_num_threads(1)
    return time.process_time


def inference(name, queue):
    """dict of figures of one network in evaluation mode."""
    import torch

    clock, (make, side) = _quiet(), NETWORKS[name]
    network, inputs, more = make(side)
    network.eval()
    judge = {id(value) for part in more.values() for value in part.parameters()}
    count = sum(value.numel() for value in network.parameters() if id(value) not in judge)
    times = []
    with torch.no_grad():
        for _ in range(FRAMES + 1):
            begin = clock()
            network(*inputs)
            times.append(clock() - begin)
    queue.put({"parameters": count, "s_a_frame": float(np.median(times[1:])),
               "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})


def training(name, queue):
    """dict of figures of a step of a task on one item."""
    from personare.learn.portrait_data import PortraitClip
    from personare.learn.portrait_tasks import task_class
    from personare.learn.portrait_training import PortraitTraining, Run

    clock, (side, texture, options) = _quiet(), TASKS[name]
    rng = np.random.default_rng(0)
    clip = PortraitClip("noise", rng.integers(0, 256, (8, side, side, 3), np.uint8),
                        rng.random((8, side, side, 2), np.float32), rng.random((8, side, side)) < 0.5,
                        rng.integers(0, 256, (3, texture, texture, 3), np.uint8), rng.random((8, side, side)) < 0.2,
                        rng.integers(0, 256, (8, side, side, 3), np.uint8))
    kind = task_class(name)
    run = Run(kind(kind.options_type(**options)), _Data(clip), PortraitTraining(2, 2 if name == "dvp-renderer" else 1))
    times = []

    def told(step, steps):
        times.append(clock())

    times.append(clock())
    run.go(progress=told)
    one = (times[2] - times[1]) / run.size
    schedule = kind.schedule
    queue.put({"s_an_item": one, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
               "published_steps": schedule.steps, "published_batch": schedule.batch_size,
               "days_as_published": one * schedule.batch_size * schedule.steps / 86400})


class _Data:
    """One clip as a portrait_data.PortraitData."""

    def __init__(self, clip):
        self.names, self._clip = (clip.name,), clip

    def __len__(self):
        return 1

    def clip(self, name):
        """The clip."""
        return self._clip


def in_a_process(work, name):
    """What a function puts into a queue in a process of its own, so that memory is its own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=work, args=(name, queue))
    process.start()
    found = queue.get()
    process.join()
    return found


def main():
    """Print a row for each network and each training."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--no-training", action="store_true")
    parser.add_argument("--json", action="store_true")
    given, found = parser.parse_args(), {}
    for name in NETWORKS:
        if given.only in name:
            found[name] = row = in_a_process(inference, name)
            print(f"{name:42s} {row['parameters'] / 1e6:8.2f} M {row['s_a_frame']:7.2f} s a frame "
                  f"{row['memory_mb']:6.0f} MB", flush=True)
    for name in () if given.no_training else TASKS:
        if given.only in name:
            found[f"training {name}"] = row = in_a_process(training, name)
            published = f"{row['published_steps']} batches of {row['published_batch']}"
            print(f"{'training ' + name:42s} {row['s_an_item']:8.1f} s an item {row['memory_mb']:6.0f} MB; "
                  f"as published ({published}) {row['days_as_published']:.0f} days", flush=True)
    if given.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
