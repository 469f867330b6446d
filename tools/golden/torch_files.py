"""Files as torch.save writes them, with tensors whose values the reader can work out for itself.

    element i of a floating-point tensor  (i - 3) / 4        of an integer tensor  7 i - 11, of a bool  i % 2

where i numbers the elements row-major. torch-zip.pt is the zip form with pickle protocol 2, torch-zip-4.pt with protocol
4, torch-legacy.pt the form before 1.6. Each nests an OrderedDict under "state_dict", with the prefix of DataParallel.
torch-lenet.pt is the bare state_dict of a LeNet-5 with a 64th of its filters; torch-net.pt is
a whole net. (The form before 1.6 would put the source of its classes into the file.)
"""

import os
import sys
from collections import OrderedDict

import torch

import models
from golden import trajectory

FLOATS = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "f64": torch.float64}
INTEGERS = {"i64": torch.int64, "i32": torch.int32, "i16": torch.int16, "i8": torch.int8}


def real(*shape):
    return ((torch.arange(torch.Size(shape).numel()) - 3) / 4).reshape(shape)


def whole(*shape):
    return (7 * torch.arange(torch.Size(shape).numel()) - 11).reshape(shape)


def state():
    tensors = OrderedDict()
    for name, dtype in FLOATS.items():
        tensors[name] = real(2, 3).to(dtype)
    for name, dtype in INTEGERS.items():
        tensors[name] = whole(5).to(dtype)
    tensors["u8"] = (whole(5) + 11).to(torch.uint8)
    tensors["bool"] = torch.arange(5) % 2 == 1
    tensors["channels_last"] = real(2, 3, 2, 2).to(memory_format=torch.channels_last)
    tensors["transposed"] = real(6).reshape(3, 2).t().contiguous().t()
    shared = real(12)
    tensors["shared.whole"] = shared
    tensors["shared.part"] = shared[4:10].reshape(2, 3)
    tensors["bn.num_batches_tracked"] = torch.tensor(7)
    tensors["empty"] = torch.zeros(0, 4)
    tensors["parameter"] = torch.nn.Parameter(real(4))
    return OrderedDict((f"module.{name}", value) for name, value in tensors.items())


class Net(torch.nn.Module):
    """A module in a module, a parameter and buffers of its own; named as users' classes are, in __main__."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.5))
        self.conv1 = torch.nn.Conv2d(1, 2, 3, bias=False)
        self.layers = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.Linear(2, 3))


def save_net(folder):
    torch.manual_seed(1)
    net = Net()
    with torch.no_grad():
        net.layers[2].weight.copy_(real(3, 2))
    Net.__module__ = "__main__"
    sys.modules["__main__"].Net = Net
    torch.save({"net": net, "acc": 0.5}, os.path.join(folder, "torch-net.pt"))


def make_all(folder):
    content = {"epoch": 3, "best_prec1": 91.5, "arch": "tiny", "done": True, "state_dict": state(), "optimizer": [1, None]}
    for name, options in (
        ("torch-zip.pt", {}),
        ("torch-zip-4.pt", {"pickle_protocol": 4}),
        ("torch-legacy.pt", {"_use_new_zipfile_serialization": False}),
    ):
        path = os.path.join(folder, name)
        torch.save(content, path, **options)
        print(f"{name}: {os.path.getsize(path)} bytes")
    net = models.LeNet(widths=(1, 1, 2, 1))
    values = trajectory.start_values(net, 40)
    torch.save(OrderedDict((n, torch.from_numpy(values[n])) for n in net.state_dict()), os.path.join(folder, "torch-lenet.pt"))
    save_net(folder)
