"""Ten SGD steps of whole nets: losses, gradients after the first step, parameters and running statistics at the end.

Each run is made three times: in float64 (the truth), in float32, and in float32 with channels-last memory on one
thread, which sums in another order. The distance of the two float32 runs from the float64 run is what float32
arithmetic costs on this net, so a test derives its tolerance from it instead of choosing one.

Two things amplify rounding beyond its own size, and the cases below are chosen with both in mind. A large learning rate
makes the steps chaotic: at 0.01 the ResNets' float32 losses drift 2% to 15% from float64 within ten steps and AlexNet
diverges, so that no useful tolerance is left; the small rates here keep the drift small while the losses still fall to
a fraction. And where a pre-activation or a pooling tie lies within rounding of zero, float32 may take the other branch:
one such flip moves single gradient entries of the 96x96 ResNet by 2e-4 to 8e-3 of the largest entry. Its seed is one
at which neither float32 run flips in the first step (others do); an implementation that sums in a third order may.

MobileNetV3's and ShuffleNetV2's seeds are those at which no input of a ReLU or a hard swish lies nearer to a bend than
1e-5 of its layer's deviation in the first step, some 25 times what float32 errs by; photo nets get images of 64x64.

The start and the data, on the streams of stream.py with the file's `seed`; parameters are numbered i = 0, 1, ... in the
byte order of their names (trainable ones alone, running statistics not counted):

    rank >= 2           signed(seed, i)[j] * a,  a = (float)sqrt(weight_gain / fan_in), fan_in = product of dims[1:]
    batch norm, weight  0.5f + u(seed, i)[j]
    batch norm, bias    signed(seed, i)[j] * 0.1f
    any other bias      signed(seed, i)[j] * 0.05f
    running mean 0, running variance 1
    images of batch b   signed(seed, 0x10000 + b)[j], row-major over N,C,H,W
    labels of batch b   word(seed, 0x20000 + b)[j] % classes
    step s = 0 .. 9     uses batch s % batches
    sampled entries     of parameter i: word(seed, 0x30000 + i)[k] % count, k = 0 .. 15, or 0 .. 3 in nets of more than
                         100 parameters (listed as "at")

A step: forward in training mode, mean cross-entropy, backward, then per parameter
    g = gradient + weight_decay * p;  v = momentum * v + g (v = g in the first step);  p = p - lr * v
for every parameter alike, but for frozen ones, which stay as they started. losses[s] is the loss of step s before its update.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F

import models
import photo_models
from golden import store, stream

STEPS = 10
SAMPLES, SAMPLES_OF_MANY, MANY = 16, 4, 100  # nets of more than MANY parameters get fewer samples of each
CASES = (
    # model, options, batch, seed, lr, weight_decay
    ("tiny-bn", {}, 8, 11, 0.05, 5e-4),
    ("lenet5", {}, 16, 12, 0.05, 0.0),
    ("resnet18-cifar", {}, 4, 13, 0.001, 5e-4),
    ("resnet18-mnist", {}, 4, 20, 0.0005, 5e-4),
    ("alexnet", {"dropout": 0.0}, 2, 15, 0.00003, 0.0),
    ("mobilenetv2-cifar", {"activation": "silu"}, 4, 16, 0.001, 5e-4),
    ("fastnet94", {}, 4, 17, 0.002, 5e-4),
    ("mobilenetv2", {"dropout": 0.0, "activation": "silu"}, 4, 216, 0.001, 5e-4),
    ("mobilenetv3-small", {"dropout": 0.0}, 4, 217, 0.001, 5e-4),
    ("shufflenetv2", {}, 4, 204, 0.000002, 5e-4),
)
MOMENTUM = 0.9
WEIGHT_GAIN = 6.0
BATCHES = 2


def norm_layers(net):
    return {name for name, layer in net.named_modules() if isinstance(layer, torch.nn.BatchNorm2d)}


def start_values(net, seed):
    """Sorted name -> float32 array."""
    norms = norm_layers(net)
    values = {}
    for i, (name, p) in enumerate(sorted(net.named_parameters())):
        layer, kind = name.rsplit(".", 1)
        shape, count = tuple(p.shape), p.numel()
        if len(shape) >= 2:
            a = np.float32(math.sqrt(WEIGHT_GAIN / math.prod(shape[1:])))
            flat = stream.signed(seed, i, count) * a
        elif layer in norms and kind == "weight":
            flat = np.float32(0.5) + stream.uniform(seed, i, count)
        else:
            flat = stream.signed(seed, i, count) * np.float32(0.1 if layer in norms else 0.05)
        values[name] = flat.reshape(shape)
    return values


def input_of(model):
    """Channels, height and width: nets for photos get small ones, or the tests would take minutes."""
    channels, height, width = models.input_shape(model)
    return (channels, 64, 64) if model in photo_models.MODELS else (channels, height, width)


def batch_of(model, batch, seed, index):
    shape = (batch, *input_of(model))
    images = stream.signed(seed, 0x10000 + index, math.prod(shape)).reshape(shape)
    labels = (stream.words(seed, 0x20000 + index, batch) % 10).astype(np.int64)
    return images, labels


def summary(values, at, dtype):
    flat = values.detach().contiguous().reshape(-1)
    wide = flat.double()
    number = store.number32 if dtype == torch.float32 else float
    out = {"sum": float(wide.sum()), "sumsq": float(wide.square().sum()), "maxabs": number(wide.abs().max().item())}
    if at is not None:
        out["samples"] = [number(wide[i].item()) for i in at]
    return out


def run(case, start, dtype, memory_format, threads):
    """Losses, gradient summaries of the first step, final parameter and buffer summaries."""
    model, options, batch, seed, lr, weight_decay = case
    torch.set_num_threads(threads)
    net = models.build(model, **options).to(dtype=dtype).train()
    parameters = dict(net.named_parameters())
    with torch.no_grad():
        for name, values in start.items():
            parameters[name].copy_(torch.from_numpy(values))
    net = net.to(memory_format=memory_format)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=lr, momentum=MOMENTUM, weight_decay=weight_decay)
    batches = []
    for b in range(BATCHES):
        images, labels = batch_of(model, batch, seed, b)
        images = torch.from_numpy(images).to(dtype).to(memory_format=memory_format)
        batches.append((images, torch.from_numpy(labels)))
    samples = SAMPLES if len(start) <= MANY else SAMPLES_OF_MANY
    at = {
        name: (stream.words(seed, 0x30000 + i, samples) % values.size).tolist()
        for i, (name, values) in enumerate(start.items())
    }
    losses, gradients = [], {}
    for step in range(STEPS):
        images, labels = batches[step % BATCHES]
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        if step == 0:
            gradients = {n: summary(parameters[n].grad, at[n], dtype) for n in start if parameters[n].requires_grad}
        optimizer.step()
        losses.append(store.number32(loss.item()) if dtype == torch.float32 else loss.item())
    finals = {name: summary(parameters[name], at[name][:4], dtype) for name in start}
    buffers = {n: summary(b, None, dtype) for n, b in sorted(net.named_buffers()) if "num_batches" not in n}
    return losses, gradients, finals, buffers, at


def make(case, folder):
    model, options, batch, seed, lr, weight_decay = case
    start = start_values(models.build(model, **options), seed)
    plain = torch.contiguous_format
    losses64, grads64, finals64, buffers64, at = run(case, start, torch.float64, plain, 2)
    losses32, grads32, finals32, buffers32, _ = run(case, start, torch.float32, plain, 2)
    other32, other_grads32, _, _, _ = run(case, start, torch.float32, torch.channels_last, 1)
    images, labels = batch_of(model, batch, seed, 0)
    largest = max(g["maxabs"] for g in grads64.values())
    rows = []
    for i, (name, values) in enumerate(start.items()):
        row = {"name": name, "index": i, "shape": list(values.shape), "start": store.list32(values.ravel()[:4])}
        if name in grads64:
            # A bias in front of a batch norm has a gradient of exactly zero; what is computed is rounding alone.
            row["zero_gradient"] = grads64[name]["maxabs"] < 1e-12 * largest
            row["at"] = at[name]
            row |= {"grad64": grads64[name], "grad32": grads32[name], "grad32_other": other_grads32[name]}
        else:
            row |= {"frozen": True, "at": at[name]}
        rows.append(row | {"final64": finals64[name], "final32": finals32[name]})
    content = {
        "format": "athanor-golden-trajectory",
        "generator": f"tools/make_golden.py, torch {torch.__version__}, numpy {np.__version__}",
        "model": model,
        "options": options,
        "input": list(input_of(model)),
        "classes": 10,
        "batch": batch,
        "batches": BATCHES,
        "seed": seed,
        "weight_gain": WEIGHT_GAIN,
        "optimizer": {"name": "sgd", "lr": lr, "momentum": MOMENTUM, "weight_decay": weight_decay, "nesterov": False},
        "first_images": store.list32(images.ravel()[:8]),
        "first_labels": labels[:8].tolist(),
        "losses64": losses64,
        "losses32": losses32,
        "losses32_other": other32,
        "parameters": rows,
        "buffers": [{"name": n, "final64": buffers64[n], "final32": buffers32[n]} for n in buffers64],
    }
    store.write(folder, f"trajectory-{model}.json", content)
    worst = max(abs(a - b) / abs(b) for x in (losses32, other32) for a, b in zip(x, losses64))
    print(f"    losses {losses64[0]:.6f} .. {losses64[-1]:.6f}; float32 differs by up to {worst:.2e} of the loss")


def make_all(folder, wanted):
    for case in CASES:
        if not wanted or case[0] in wanted:
            make(case, folder)
