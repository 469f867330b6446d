#!/usr/bin/env python3
"""Writes the golden data of tests/golden/ with PyTorch and Pillow.

    python tools/make_golden.py [all | operators | optimizers | pillow | trajectories | MODEL ...]

trajectory-MODEL.json   ten SGD steps of a whole net; weights and batches are not stored, both sides draw them from the
                        same Philox streams (recipe: tools/golden/trajectory.py and tools/golden/stream.py)
operator-KIND.json      small problems of single operators with their results in double precision, forward and backward
optimizers.json         ten steps of every optimiser; schedules.json: rates of every schedule
pillow-resize.json      antialiased bilinear resizing of 8-bit images

Each file names the versions that made it. The files are read by the C tests; this script is needed only to renew them.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "bench", "peers"))
sys.path.insert(0, HERE)

from golden import operators, optimizers, pillow, stream, trajectory  # noqa: E402


def main():
    folder = os.path.join(HERE, "..", "tests", "golden")
    os.makedirs(folder, exist_ok=True)
    stream.check()
    wanted = sys.argv[1:] or ["all"]
    known = {"all", "operators", "optimizers", "pillow", "trajectories", *(case[0] for case in trajectory.CASES)}
    if not known.issuperset(wanted):
        print(f"make_golden: {' '.join(sorted(set(wanted) - known))}: unknown; use {' '.join(sorted(known))}", file=sys.stderr)
        return 2
    if {"all", "operators"} & set(wanted):
        operators.make_all(folder)
    if {"all", "optimizers"} & set(wanted):
        optimizers.make_all(folder)
    if {"all", "pillow"} & set(wanted):
        pillow.make_all(folder)
    nets = [name for name in wanted if name not in ("all", "operators", "optimizers", "pillow", "trajectories")]
    if nets or {"all", "trajectories"} & set(wanted):
        trajectory.make_all(folder, nets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
