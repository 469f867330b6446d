#!/usr/bin/env python3
"""Writes the golden data of tests/golden/ with PyTorch and Pillow.

    python tools/make_golden.py [all | forward | operators | pillow | torch | trajectories | MODEL ...]

trajectory-MODEL.json   ten SGD steps of a whole net; weights and batches are not stored, both sides draw them from the
                        same Philox streams (recipe: tools/golden/trajectory.py and tools/golden/stream.py)
operator-KIND.json      small problems of single operators with their results in double precision, forward and backward
forward.json            logits of whole nets in evaluation form
torch-FORM.pt           files as torch.save writes them
pillow-resize.json      antialiased bilinear resizing of 8-bit images

Each file names the versions that made it. The files are read by the C tests; this script is needed only to renew them.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "bench", "peers"))
sys.path.insert(0, HERE)

from golden import forward, operators, pillow, stream, torch_files, trajectory  # noqa: E402


def main():
    folder = os.path.join(HERE, "..", "tests", "golden")
    os.makedirs(folder, exist_ok=True)
    stream.check()
    wanted = sys.argv[1:] or ["all"]
    known = {"all", "forward", "operators", "pillow", "torch", "trajectories", *(case[0] for case in trajectory.CASES)}
    if not known.issuperset(wanted):
        print(f"make_golden: {' '.join(sorted(set(wanted) - known))}: unknown; use {' '.join(sorted(known))}", file=sys.stderr)
        return 2
    if {"all", "operators"} & set(wanted):
        operators.make_all(folder)
    if {"all", "pillow"} & set(wanted):
        pillow.make_all(folder)
    if {"all", "torch"} & set(wanted):
        torch_files.make_all(folder)
    if {"all", "forward"} & set(wanted):
        forward.make_all(folder)
    others = ("all", "forward", "operators", "pillow", "torch", "trajectories")
    nets = [name for name in wanted if name not in others]
    if nets or {"all", "trajectories"} & set(wanted):
        trajectory.make_all(folder, nets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
