#!/usr/bin/env python3
"""Writes the golden data of tests/golden/ with PyTorch, torchvision and Pillow.

    python tools/make_golden.py [all | KIND | MODEL ...]

A kind is a module of tools/golden, listed in KINDS below, which says what its files hold; `trajectories` are ten SGD
steps of every whole net (trajectory-MODEL.json), MODEL those of one. Weights and batches of trajectories are not stored:
both sides draw them from the same Philox streams (tools/golden/stream.py).

Each file names the versions that made it. The files are read by the C tests; this script is needed only to renew them.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "bench", "peers"))
sys.path.insert(0, HERE)

from golden import (  # noqa: E402
    augment,
    forward,
    images,
    onnx_cases,
    operators,
    optimizers,
    pillow,
    stream,
    torch_files,
    trajectory,
)

KINDS = {
    "augment": augment,
    "forward": forward,
    "images": images,
    "onnx": onnx_cases,
    "operators": operators,
    "optimizers": optimizers,
    "pillow": pillow,
    "torch": torch_files,
}


def main():
    folder = os.path.join(HERE, "..", "tests", "golden")
    os.makedirs(folder, exist_ok=True)
    stream.check()
    wanted = set(sys.argv[1:] or ["all"])
    known = {"all", "trajectories", *KINDS, *(case[0] for case in trajectory.CASES)}
    if not known.issuperset(wanted):
        print(f"make_golden: {' '.join(sorted(wanted - known))}: unknown; use {' '.join(sorted(known))}", file=sys.stderr)
        return 2
    for kind, module in KINDS.items():
        if {"all", kind} & wanted:
            module.make_all(folder)
    nets = sorted(wanted - {"all", "trajectories", *KINDS})
    if nets or {"all", "trajectories"} & wanted:
        trajectory.make_all(folder, nets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
