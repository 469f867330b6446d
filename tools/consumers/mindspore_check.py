"""mindspore_check.py ATHANOR NAME...: checkpoints and MindIR in MindSpore's hands.

mindspore.load_checkpoint reads NAME.ckpt, whose values are those of NAME.npz; mindspore.load and nn.GraphCell run
NAME.mindir; and Athanor reads what mindspore.save_checkpoint writes, with its checksum. MindSpore 2.10 asks for numpy
below 2.
"""
import subprocess
import sys

import mindspore
import numpy as np
from mindspore import Tensor, nn

from compare import report

MINDSPORE = f"mindspore {mindspore.__version__}"
athanor, names = sys.argv[1], sys.argv[2:]
good = True


def note(fine, text):
    global good
    good = good and fine
    print(f"{'ok' if fine else 'FAILED'}: {text}")


for name in names:
    parameters = {key: value.asnumpy() for key, value in mindspore.load_checkpoint(f"{name}.ckpt").items()}
    arrays = np.load(f"{name}.npz")
    wanted = [arrays[key] for key in arrays.files if key != "athanor.json"]
    note(len(parameters) == len(wanted) and all(np.array_equal(a, b) for a, b in zip(parameters.values(), wanted)),
         f"{MINDSPORE}: load_checkpoint reads the {len(wanted)} parameters of {name}.ckpt")
    net = nn.GraphCell(mindspore.load(f"{name}.mindir"))
    pictures = np.load(f"{name}.npy")
    good &= report(MINDSPORE, "mindir", name,
                   np.concatenate([net(Tensor(pictures[i:i + 1])).asnumpy() for i in range(len(pictures))]))


class Net(nn.Cell):
    """A convolution, a batch norm, a linear layer."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Dense(8, 4)


theirs = Net()
mindspore.save_checkpoint(theirs, "theirs.ckpt", append_dict={"epoch": 3, "note": "hello"}, crc_check=True)
subprocess.run([athanor, "convert", "theirs.ckpt", "theirs.npz"], check=True, stdout=subprocess.DEVNULL)
read = np.load("theirs.npz")
rename = {"bn.gamma": "bn.weight", "bn.beta": "bn.bias", "bn.moving_mean": "bn.running_mean",
          "bn.moving_variance": "bn.running_var"}
note(all(np.array_equal(read[rename.get(p.name, p.name)], p.asnumpy()) for p in theirs.get_parameters())
     and read["epoch"] == 3 and b'"mindspore.note":"hello"' in read["athanor.json"],
     f"{MINDSPORE}: Athanor reads what save_checkpoint wrote, with checksum and extras")
sys.exit(not good)
