#!/usr/bin/env python3
"""Photos from file to resized pixels on one thread: bench_photos and Pillow, round by round in turn.

    photos_peer.py [--bench build/bench/bench_photos] [--side 256] [--rounds 7] FILE_OR_FOLDER...

Pillow does Image.open(file).convert("RGB").resize(size, BILINEAR), once as it is and once behind Image.draft, which lets
its JPEG decoder deliver a smaller image. bench_photos does the same with least=0 (all pixels) and least=1 (a smaller
image that is still large enough). Printed: milliseconds for a photo, medians, and the ratios.
"""

import argparse
import os
import re
import statistics
import subprocess
import time

from PIL import Image, features


def photos(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for folder, _, names in sorted(os.walk(path)):
            yield from (os.path.join(folder, n) for n in sorted(names) if n.lower().endswith((".jpg", ".jpeg", ".png")))


def pillow_round(files, side, draft):
    start = time.perf_counter()
    for file in files:
        image = Image.open(file)
        width, height = image.size
        size = (side, int(side * height / width)) if width <= height else (int(side * width / height), side)
        if draft:
            image.draft("RGB", size)
        image.convert("RGB").resize(size, Image.BILINEAR)
    return 1e3 * (time.perf_counter() - start) / len(files)


def athanor_round(bench, files, side, least):
    command = [bench, f"side={side}", f"least={least}", "rounds=1", *files]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(re.search(r"^all +([0-9.]+)", text, re.M).group(1))


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--bench", default="build/bench/bench_photos")
    words.add_argument("--side", type=int, default=256)
    words.add_argument("--rounds", type=int, default=7)
    words.add_argument("paths", nargs="+")
    given = words.parse_args()
    files = list(photos(given.paths))
    runs = {
        "pillow": lambda: pillow_round(files, given.side, False),
        "pillow, draft": lambda: pillow_round(files, given.side, True),
        "athanor": lambda: athanor_round(given.bench, files, given.side, 0),
        "athanor, least=1": lambda: athanor_round(given.bench, files, given.side, 1),
    }
    times = {name: [] for name in runs}
    for number in range(given.rounds + 1):  # the first one warms up
        for name, run in runs.items():
            took = run()
            if number > 0:
                times[name].append(took)
    median = {name: statistics.median(took) for name, took in times.items()}
    print(f"{len(files)} photos, shorter side {given.side}, one thread; Pillow with libjpeg-turbo {features.version('libjpeg_turbo')}")
    for name, took in median.items():
        print(f"{name:18} {took:7.3f} ms for a photo, {median['pillow'] / took:5.2f} times Pillow's speed")


if __name__ == "__main__":
    main()
