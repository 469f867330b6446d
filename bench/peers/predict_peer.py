#!/usr/bin/env python3
"""Photos, one at a time, from the JPEG file to the probabilities: Athanor and PyTorch in turn, on MobileNetV2.

    predict_peer.py WEIGHTS [--athanor build/athanor] [--bench build/bench/bench_predict] [--resize 256] FILE_OR_FOLDER...

What:  WEIGHTS is a safetensors file of MobileNetV2 whose batch norms are folded, trained with TensorFlow's padding and
       pixels in -1 to 1. Two comparisons, in alternating runs, each in a fresh process:

       steady    the latency of a photo in a process that has the network loaded (bench_predict, and a Python process
                 that does the same): read, decode, resize the shorter side, cut the middle, normalise, net, softmax
       command   one photo by a whole command, from its start to its end (`athanor predict`, and `python` with torch)

Why:   that is what a user waits for. PyTorch is taken as a user starts it (`default`: Pillow, torchvision's transforms,
       model.eval() under no_grad) and in the best of the configurations of train_peer.py (`--config`, with `+io` for
       torchvision's own JPEG decoder and its resize on tensors).
Role:  prints medians and ratios, and how far the probabilities of both sides are apart.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import train_peer

HERE = os.path.dirname(os.path.abspath(__file__))
CROP = 224


def photos(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for folder, folders, names in os.walk(path):
            folders.sort()
            yield from (os.path.join(folder, n) for n in sorted(names) if n.lower().endswith((".jpg", ".jpeg")))


def load_net(weights, words):
    """The net as the configuration's words say; a function of an image (1,3,H,W)."""
    import torch
    from safetensors.torch import load_file

    import photo_models

    tensors = load_file(weights)
    classes = tensors["classifier.1.weight"].shape[0]
    net = photo_models.mobilenet_v2(classes=classes, padding="same", bn="folded")
    net.load_state_dict(tensors)
    net.eval()
    image = torch.zeros(1, 3, CROP, CROP)
    if "nhwc" in words:
        net = net.to(memory_format=torch.channels_last)
        image = image.to(memory_format=torch.channels_last)
    return train_peer.optimized(net, image, "f32", words)


def reader(resize, words):
    """path -> (1,3,H,W), pixels in -1 to 1."""
    from torchvision.transforms import v2

    size = [v2.Resize(resize, antialias=True), v2.CenterCrop(CROP)]
    normal = v2.Normalize([0.5] * 3, [0.5] * 3)
    if "io" in words:
        import torch
        from torchvision import io

        transform = v2.Compose([*size, v2.ToDtype(torch.float32, scale=True), normal])
        return lambda path: transform(io.decode_image(io.read_file(path), io.ImageReadMode.RGB)).unsqueeze(0)
    from PIL import Image
    from torchvision import transforms

    transform = transforms.Compose([*size, transforms.ToTensor(), normal])
    return lambda path: transform(Image.open(path).convert("RGB")).unsqueeze(0)


def steady(given):
    """The JSON of bench_predict, by PyTorch in this process."""
    import torch

    words = given.here.split("+")
    torch.set_num_threads(given.threads)
    if given.here != "default":
        torch.set_flush_denormal(True)
    net, read = load_net(given.weights, words), reader(given.resize, words)
    files, latency, top = list(photos(given.paths)), [], []
    for number in range(given.rounds + 1):  # the first one warms up
        for file in files:
            start = time.perf_counter()
            image = read(file)
            if "nhwc" in words:
                image = image.contiguous(memory_format=torch.channels_last)
            with torch.no_grad():
                probability, index = torch.softmax(net(image), 1).max(1)
            answer = [index.item(), probability.item()]
            if number > 0:
                latency.append(1e3 * (time.perf_counter() - start))
            else:
                top.append(answer)
    middle = statistics.median(latency)
    return {"latency_ms": {"min": min(latency), "median": middle, "max": max(latency)}, "top": top}


def run_peer(given, name, files):
    environment = dict(os.environ, OMP_NUM_THREADS=str(given.threads))
    allocator = name.split("+")[1] if "+" in name else "stock"
    if allocator != "stock":
        environment.update(train_peer.allocators()[allocator])
    command = [sys.executable, os.path.abspath(__file__), given.weights, "--here", name]
    command += [f"--resize={given.resize}", f"--threads={given.threads}", f"--rounds={given.rounds}", *files]
    text = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return json.loads(text.strip().splitlines()[-1])


def athanor_words(given):
    words = ["model=mobilenetv2", "model.padding=same", "model.bn=folded", "classes=1000", "normalize=half"]
    words += [f"weights={given.weights}", f"threads={given.threads}", f"resize={given.resize}"]
    return words + [f"crop={CROP}"]


def run_bench(given, files):
    command = [given.bench, f"rounds={given.rounds}", *athanor_words(given), *files]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare_steady(given, files):
    runs = {"athanor": []}
    for _ in range(given.repeats):
        runs["athanor"].append(run_bench(given, files))
        for name in given.config:
            runs.setdefault(name, []).append(run_peer(given, name, files))
    ours = statistics.median(run["latency_ms"]["median"] for run in runs["athanor"])
    print(f"{len(files)} photos one at a time, {given.threads} threads, {given.repeats} alternating runs; ms for a photo")
    for name, done in runs.items():
        each = [run["latency_ms"]["median"] for run in done]
        middle = statistics.median(each)
        low = min(run["latency_ms"]["min"] for run in done)
        pairs = list(zip(runs["athanor"][0]["top"], done[0]["top"]))
        same = sum(a[0] == b[0] for a, b in pairs)
        apart = max(abs(a[1] - b[1]) for a, b in pairs if a[0] == b[0])
        print(f"{name:28} median {middle:7.2f} ({min(each):.2f} to {max(each):.2f}), lowest {low:7.2f}, "
              f"{middle / ours:5.2f} times Athanor's; same class for {same}, probability within {apart:.4f}")


def seconds_of(command, environment=None):
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def compare_command(given, file):
    ours = [given.athanor, "predict", *athanor_words(given), file]
    theirs = [sys.executable, os.path.abspath(__file__), given.weights, "--here", "default", "--rounds=0", file]
    theirs += [f"--resize={given.resize}", f"--threads={given.threads}"]
    took = {"athanor predict": [], "python": []}
    for number in range(given.repeats + 1):  # the first pair reads the files into memory
        for name, command in zip(took, (ours, theirs)):
            seconds = seconds_of(command)
            if number > 0:
                took[name].append(1e3 * seconds)
    middle = {name: statistics.median(each) for name, each in took.items()}
    print("one photo by a whole command, ms")
    for name, each in took.items():
        print(f"{name:28} median {middle[name]:7.1f} ({min(each):.1f} to {max(each):.1f}), "
              f"{middle[name] / middle['athanor predict']:5.1f} times Athanor's")


def main():
    words = argparse.ArgumentParser(description="Photos from file to probabilities: Athanor and PyTorch in turn.")
    words.add_argument("weights")
    words.add_argument("paths", nargs="+")
    words.add_argument("--athanor", default="build/athanor")
    words.add_argument("--bench", default="build/bench/bench_predict")
    words.add_argument("--resize", type=int, default=256, help="the shorter side; its middle of 224x224 is seen")
    words.add_argument("--threads", type=int, default=2)
    words.add_argument("--rounds", type=int, default=5, help="over all photos, in each run")
    words.add_argument("--repeats", type=int, default=3)
    words.add_argument("--config", nargs="*", default=["default"], help="PyTorch's: default, nhwc+tcmalloc+traced+io ...")
    words.add_argument("--only", choices=("steady", "command"), help="one of the two comparisons")
    words.add_argument("--here", default="", help="measure PyTorch in this process, in that configuration")
    given = words.parse_args()
    if given.here:
        given.rounds = max(given.rounds, 0)
        print(json.dumps(steady(given)) if given.rounds else first(given))
        return
    files = list(photos(given.paths))
    if given.only != "command":
        compare_steady(given, files)
    if given.only != "steady":
        compare_command(given, files[0])


def first(given):
    """The answer for one photo, as a user's script would print it."""
    import torch

    torch.set_num_threads(given.threads)
    net, read = load_net(given.weights, [given.here]), reader(given.resize, [given.here])
    with torch.no_grad():
        probability, index = torch.softmax(net(read(given.paths[0])), 1).max(1)
    return f"{given.paths[0]} {index.item()} {probability.item():.4f}"


if __name__ == "__main__":
    main()
