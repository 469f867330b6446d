"""Logits of whole nets in evaluation form: what the definitions compute, for nets that have no trajectory of their own.

Parameters start as in trajectory.py, on the streams of the same seed. Running statistics are numbered i = 0, 1, ... in the
byte order of their names:

    running mean      signed(seed, 0x40000 + i)[j] * 0.1f
    running variance  0.5f + u(seed, 0x40000 + i)[j]

The images are batch 0 of trajectory.py. Each net runs in float64 (the truth), in float32, and in float32 with
channels-last memory on one thread; the distance of the float32 runs from the truth is what float32 costs.
"""

import numpy as np
import torch

import models
from golden import store, stream, trajectory

BATCH = 2
CASES = (
    # model, options, seed
    ("resnet20-cifar", {}, 31),
    ("resnet9", {}, 32),
    ("wrn-16-4", {}, 33),
    ("vgg11-bn-cifar", {}, 34),
    ("vgg16-bn-cifar", {}, 35),
    ("mobilenetv2-cifar", {}, 36),
    ("fastnet94", {}, 37),
    ("fastnet94", {"head": "muon"}, 38),
    ("fastnet96", {}, 39),
    ("mobilenetv2", {}, 40),
    ("mobilenetv2", {"padding": "same", "bn": "folded"}, 41),
    ("mobilenetv2", {"width": "1.4", "pool": "max"}, 42),
    ("mobilenetv2", {"width": "0.35", "activation": "silu"}, 43),
    ("mobilenetv1", {}, 44),
    ("mobilenetv3-small", {}, 45),
    ("mobilenetv3-large", {}, 46),
    ("mobilenetv3-small", {"width": "0.75", "padding": "same"}, 47),
    ("efficientnet-b0", {}, 48),
    ("shufflenetv2", {}, 49),
    ("shufflenetv2-0.5", {}, 50),
)


def running_values(net, seed):
    values = {}
    buffers = sorted((name, b) for name, b in net.named_buffers() if "num_batches" not in name)
    for i, (name, b) in enumerate(buffers):
        if name.endswith("running_mean"):
            values[name] = stream.signed(seed, 0x40000 + i, b.numel()) * np.float32(0.1)
        else:
            values[name] = np.float32(0.5) + stream.uniform(seed, 0x40000 + i, b.numel())
    return values


def logits(case, dtype, memory_format, threads):
    model, options, seed = case
    torch.set_num_threads(threads)
    net = models.build(model, **options)
    values = {**trajectory.start_values(net, seed), **running_values(net, seed)}
    net = net.to(dtype=dtype).eval()
    tensors = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    images, _ = trajectory.batch_of(model, BATCH, seed, 0)
    with torch.no_grad():
        for name, value in values.items():
            tensors[name].copy_(torch.from_numpy(value))
        net = net.to(memory_format=memory_format)
        return net(torch.from_numpy(images).to(dtype).to(memory_format=memory_format)).double()


def make_all(folder):
    rows = []
    for case in CASES:
        truth = logits(case, torch.float64, torch.contiguous_format, 2)
        plain = logits(case, torch.float32, torch.contiguous_format, 2)
        other = logits(case, torch.float32, torch.channels_last, 1)
        error = max((plain - truth).abs().max().item(), (other - truth).abs().max().item())
        model, options, seed = case
        rows.append(
            {
                "model": model,
                "options": options,
                "seed": seed,
                "input": list(trajectory.input_of(model)),
                "logits64": truth.flatten().tolist(),
                "float32_distance": error,
            }
        )
        print(f"    {model}: logits to {truth.abs().max().item():.4g}, float32 off by {error:.2e}")
    content = {
        "format": "athanor-golden-forward",
        "generator": f"tools/make_golden.py, torch {torch.__version__}, numpy {np.__version__}",
        "batch": BATCH,
        "classes": 10,
        "weight_gain": trajectory.WEIGHT_GAIN,
        "nets": rows,
    }
    store.write(folder, "forward.json", content)
