"""torch_check.py ATHANOR NAME...: weights in PyTorch's and the safetensors package's hands.

Every NAME.pth is loaded with weights_only=True and holds, bit for bit, what the safetensors package reads from
NAME.safetensors; so does every NAME.npz read by NumPy. ResNet-18 goes strictly into torchvision's own class, MobileNetV2
and two more of torchvision's networks into Athanor and back, and their logits are compared.
"""
import os
import subprocess
import sys

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file

from compare import report

TORCH = f"torch {torch.__version__}"
athanor, names = sys.argv[1], sys.argv[2:]
good = True


def note(fine, text):
    global good
    good = good and fine
    print(f"{'ok' if fine else 'FAILED'}: {text}")


for name in names:
    state = torch.load(f"{name}.pth", weights_only=True)
    tensors = load_file(f"{name}.safetensors")
    arrays = np.load(f"{name}.npz")
    added = set(state) - set(tensors)
    note(all(torch.equal(state[key], value) for key, value in tensors.items())
         and all(key.endswith(".num_batches_tracked") for key in added),
         f"{TORCH}, safetensors {safetensors.__version__}: {name}.pth holds the {len(tensors)} tensors of the safetensors file")
    note(all(np.array_equal(arrays[key], value.numpy()) for key, value in tensors.items()),
         f"numpy {np.__version__}: {name}.npz holds them too")

try:
    import torchvision
except ImportError:
    print("skipped: there is no torchvision")
    sys.exit(not good)
from draw_weights import NETWORKS, draw  # noqa: E402

TORCH += f", torchvision {torchvision.__version__}"


def logits_of(net, name):
    with torch.no_grad():
        return net.eval()(torch.from_numpy(np.load(f"{name}.npy"))).numpy()


if "resnet18" in names:
    net = torchvision.models.resnet18(num_classes=10)
    net.conv1 = torch.nn.Conv2d(1, 64, 3, 1, 1, bias=False)
    net.maxpool = torch.nn.Identity()
    net.load_state_dict(torch.load("resnet18.pth", weights_only=True), strict=True)
    good &= report(TORCH, "pth (strict)", "resnet18", logits_of(net, "resnet18"))

if "lenet5" in names:
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.Sigmoid(), torch.nn.AvgPool2d(2),
                                 torch.nn.Conv2d(6, 16, 5), torch.nn.Sigmoid(), torch.nn.AvgPool2d(2),
                                 torch.nn.Flatten(), torch.nn.Linear(400, 120), torch.nn.Sigmoid(),
                                 torch.nn.Linear(120, 84), torch.nn.Sigmoid(), torch.nn.Linear(84, 10))
    places = {"conv1": 0, "conv2": 3, "fc1": 7, "fc2": 9, "fc3": 11}
    state = torch.load("lenet5.pth", weights_only=True)
    layers.load_state_dict({f"{places[k.split('.')[0]]}.{k.split('.')[1]}": v for k, v in state.items()}, strict=True)
    good &= report(TORCH, "pth (strict)", "lenet5", logits_of(layers, "lenet5"))


for name in names:
    if name.startswith("tv-"):
        net = NETWORKS[name[3:]]()
        net.load_state_dict(torch.load(f"{name}.pth", weights_only=True), strict=True)
        good &= report(TORCH, "pth (strict)", name, logits_of(net, name))


def round_trip(name, net, model):
    """torchvision's own file through Athanor, its logits there, and back into the class."""
    draw(net)
    torch.save(net.state_dict(), f"{name}.tv.pth")
    pictures = np.random.default_rng(2).standard_normal((2, 3, 224, 224)).astype(np.float32)
    np.save(f"{name}.npy", pictures)
    expected = logits_of(net, name)
    for step in ([athanor, "convert", f"{name}.tv.pth", f"{name}.ckpt"], [athanor, "convert", f"{name}.ckpt", f"{name}.pth"],
                 [athanor, "infer", f"{name}.ckpt", f"{name}.npy", f"model={model}", f"out=answers-{name}"]):
        subprocess.run(step, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.replace(f"answers-{name}/logits.npy", f"{name}.logits.npy")
    back = type(net)()
    back.load_state_dict(torch.load(f"{name}.pth", weights_only=True), strict=True)
    note(all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), back.state_dict().values())),
         f"{TORCH}: {name} comes back from pth and ckpt as it was, strictly")
    return report(TORCH, "pth through ckpt", name, expected)


good &= round_trip("mobilenetv2-tv", torchvision.models.mobilenet_v2(), "mobilenetv2")
sys.exit(not good)
