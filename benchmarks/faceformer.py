"""Seconds to decode 10 to 120 s of FaceFormer at its size for VOCASET, with kept keys and as the original does it.

    python benchmarks/faceformer.py          needs personare[learn]; weights are random, time does not depend on them
"""

import time

import numpy as np
import torch

from personare.learn.nets.faceformer import FaceFormer, FaceFormerConfig
from personare.motion.faceformer import Decoder

FPS, MOST_ORIGINAL_S = 30, 20


def main():
    """Print the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = FaceFormer(FaceFormerConfig()).eval()
    torch.nn.init.normal_(network.vertice_map_r.weight, 0, 0.01)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    config = network.config
    print("seconds of speech   kept keys   as the original   largest difference")
    for seconds in (5, 10, 20, 60, 120):
        features = np.random.default_rng(0).normal(0, 1, (seconds * FPS, config.channels)).astype(np.float32)
        decoder = Decoder(weights, np.eye(config.speakers, dtype=np.float32)[0], heads=config.heads,
                          period=config.period)
        begin = time.process_time()
        values = decoder.decode(features)
        kept_s = time.process_time() - begin
        original, far = "fails past 600 frames", ""
        if seconds <= MOST_ORIGINAL_S:
            begin = time.process_time()
            with torch.no_grad():
                wanted = network.predict(torch.from_numpy(features)[None], torch.eye(config.speakers)[:1])[0].numpy()
            original, far = f"{time.process_time() - begin:.1f} s", f"{np.abs(wanted - values).max():.1e}"
        print(f"{seconds:17}   {kept_s:7.2f} s   {original:21}   {far}", flush=True)


if __name__ == "__main__":
    main()
