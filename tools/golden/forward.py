"""Logits of whole nets in evaluation form: what the definitions compute, for nets that have no trajectory of their own.

Parameters start as in trajectory.py, on the streams of the same seed. Running statistics are numbered i = 0, 1, ... in the
byte order of their names:

    running mean      signed(seed, 0x40000 + i)[j] * 0.1f
    running variance  0.5f + u(seed, 0x40000 + i)[j]

The images are batch 0 of trajectory.py. Each net runs in float64 (the truth), in float32, and in float32 with
channels-last memory on one thread; the distance of the float32 runs from the truth is what float32 costs.

For some nets, Grad-CAM's maps of both images' predicted classes, by a hook on a layer (CAMS): relu of the sum over k of
mean_ij(d logit / d A_kij) A_k.
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
# seed of the case -> Athanor's name of the layer ("" = the last feature map), PyTorch's
CAMS = {
    43: (("", "features"), ("features.10", "features.10")),
    45: (("", "features"),),
}


def running_values(net, seed):
    values = {}
    buffers = sorted((name, b) for name, b in net.named_buffers() if "num_batches" not in name)
    for i, (name, b) in enumerate(buffers):
        if name.endswith("running_mean"):
            values[name] = stream.signed(seed, 0x40000 + i, b.numel()) * np.float32(0.1)
        else:
            values[name] = np.float32(0.5) + stream.uniform(seed, 0x40000 + i, b.numel())
    return values


def prepared(case, dtype, memory_format, threads):
    """The net with its values, and its images."""
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
    return net, torch.from_numpy(images).to(dtype).to(memory_format=memory_format)


def logits(case, dtype, memory_format, threads):
    net, images = prepared(case, dtype, memory_format, threads)
    with torch.no_grad():
        return net(images).double()


def class_map(case, layer, dtype, memory_format, threads):
    net, images = prepared(case, dtype, memory_format, threads)
    kept = []
    net.get_submodule(layer).register_forward_hook(lambda _, inputs, output: kept.append(output))
    result = net(images)
    chosen = result.argmax(1)
    (slope,) = torch.autograd.grad(result.gather(1, chosen[:, None]).sum(), kept[0])
    map = torch.relu((slope.mean((2, 3), keepdim=True) * kept[0]).sum(1))
    return map.double().detach(), chosen.tolist()


def class_maps(case):
    rows = []
    for name, layer in CAMS.get(case[2], ()):
        truth, chosen = class_map(case, layer, torch.float64, torch.contiguous_format, 2)
        plain, _ = class_map(case, layer, torch.float32, torch.contiguous_format, 2)
        other, _ = class_map(case, layer, torch.float32, torch.channels_last, 1)
        error = max((plain - truth).abs().max().item(), (other - truth).abs().max().item())
        size = list(truth.shape[1:])
        rows.append(
            {"layer": name, "classes": chosen, "size": size, "map64": truth.flatten().tolist(), "float32_distance": error}
        )
        print(f"        map of {layer}: {size}, to {truth.max().item():.4g}, float32 off by {error:.2e}")
    return rows


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
                "class_maps": class_maps(case),
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
