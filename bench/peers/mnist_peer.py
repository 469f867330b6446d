"""Trains a net on the full MNIST set in PyTorch on the CPU: the peer of `athanor train data=mnist`.

What:  whole epochs of SGD over the 60,000 training images, accuracy on the 10,000 test images after each. Weights of
       convolutions and dense layers start from Xavier's uniform distribution, biases and batch norm from PyTorch's
       defaults. Pixels are divided by 255; --normalize auto also subtracts the training set's mean and divides by its
       deviation. --resize enlarges every image once with Pillow's antialiased bilinear filter and keeps the result as
       bytes in memory (3 GB at 224), so that no epoch pays for it.
Why:   accuracy and time per epoch of the same recipe, to be laid beside Athanor's.
Role:  one line per epoch on standard error, at the end one JSON object on standard output.

    ATHANOR_DATA=... python mnist_peer.py --model lenet5 --lr 0.6 --batch 256 --epochs 20 --seed 1
"""

import argparse
import gzip
import json
import math
import os
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import models
from train_peer import peak_rss_mib


def read_idx(folder, name):
    """An IDX file of unsigned bytes, gzipped or not, as a numpy array."""
    path = os.path.join(folder, name)
    opener = open
    if not os.path.exists(path):
        path, opener = path + ".gz", gzip.open
    with opener(path, "rb") as source:
        data = source.read()
    magic, rank = data[:3], data[3]
    if magic != b"\0\0\x08" or rank not in (1, 3):
        raise ValueError(f"{path} is not an IDX file of unsigned bytes")
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def resized(images, side):
    """Every image through Pillow's antialiased bilinear filter, still 8-bit."""
    if side == images.shape[1]:
        return images
    out = np.empty((len(images), side, side), np.uint8)
    for i, image in enumerate(images):
        out[i] = Image.fromarray(image).resize((side, side), Image.BILINEAR)
    return out


def load(folder, side):
    """Training and test images (N,1,side,side) uint8 with labels."""
    sets = []
    for part in ("train", "t10k"):
        images = resized(read_idx(folder, f"{part}-images-idx3-ubyte"), side)
        labels = read_idx(folder, f"{part}-labels-idx1-ubyte").astype(np.int64)
        sets.append((torch.from_numpy(np.array(images)).unsqueeze(1), torch.from_numpy(labels)))
    return sets


def start_xavier(layer):
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)


def schedule_factor(kind, epoch, epochs):
    return 0.5 * (1 + math.cos(math.pi * epoch / epochs)) if kind == "cosine" else 1.0


def evaluate(net, images, labels, prepare, batch):
    """Accuracy in percent and mean loss."""
    net.eval()
    right, loss = 0, 0.0
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            outputs = net(prepare(images[start : start + batch]))
            wanted = labels[start : start + batch]
            right += (outputs.argmax(1) == wanted).sum().item()
            loss += F.cross_entropy(outputs, wanted, reduction="sum").item()
    return 100 * right / len(images), loss / len(images)


def train_epoch(net, optimizer, images, labels, prepare, batch, max_batches):
    """Mean loss, accuracy in percent and number of images of one shuffled pass; the last batch may be short."""
    net.train()
    order = torch.randperm(len(images))
    seen, loss_sum, right = 0, 0.0, 0
    for count, start in enumerate(range(0, len(images), batch)):
        if max_batches and count == max_batches:
            break
        chosen = order[start : start + batch]
        wanted = labels[chosen]
        optimizer.zero_grad(set_to_none=True)
        outputs = net(prepare(images[chosen]))
        loss = F.cross_entropy(outputs, wanted)
        loss.backward()
        optimizer.step()
        seen += len(chosen)
        loss_sum += loss.item() * len(chosen)
        right += (outputs.detach().argmax(1) == wanted).sum().item()
    return loss_sum / seen, 100 * right / seen, seen


def main():
    parser = argparse.ArgumentParser(description="Train on MNIST with PyTorch on the CPU.")
    parser.add_argument("--model", default="lenet5")
    parser.add_argument("--lr", type=float, default=0.6)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--momentum", type=float, default=0.0)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--schedule", choices=("constant", "cosine"), default="constant")
    parser.add_argument("--init", choices=("xavier", "pytorch"), default="xavier")
    parser.add_argument("--normalize", choices=("none", "auto"), default="none")
    parser.add_argument("--resize", type=int, default=0, help="side in pixels; the model's own by default")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--max-batches", type=int, default=0, help="stop each epoch early (0 = whole epochs)")
    args = parser.parse_args()

    root = os.environ.get("ATHANOR_DATA")
    if not root:
        print("mnist_peer: set ATHANOR_DATA to the folder that holds mnist/", file=sys.stderr)
        return 2
    if args.model not in models.MODELS or models.input_shape(args.model)[0] != 1:
        names = " ".join(name for name, (_, shape, _) in models.MODELS.items() if shape[0] == 1)
        print(f"mnist_peer: {args.model}: no net for grey images; use one of {names}", file=sys.stderr)
        return 2
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    net = models.build(args.model)
    if args.init == "xavier":
        net.apply(start_xavier)
    memory = torch.channels_last if args.channels_last else torch.contiguous_format
    net = net.to(memory_format=memory)
    side = args.resize or models.input_shape(args.model)[1]
    (train_images, train_labels), (test_images, test_labels) = load(os.path.join(root, "mnist"), side)
    mean, deviation = 0.0, 1.0
    if args.normalize == "auto":
        pixels = train_images.numpy()
        total = pixels.size
        mean = pixels.sum(dtype=np.int64) / total / 255
        square = sum(float(np.square(part.astype(np.float32)).sum(dtype=np.float64)) for part in pixels)
        deviation = math.sqrt(square / total / 255**2 - mean**2)

    def prepare(images):
        return images.float().div_(255).sub_(mean).div_(deviation).to(memory_format=memory)

    optimizer = torch.optim.SGD(
        net.parameters(), lr=args.lr, momentum=args.momentum, weight_decay=args.weight_decay
    )
    lines, train_seconds, seen_total = [], 0.0, 0
    for epoch in range(args.epochs):
        for group in optimizer.param_groups:
            group["lr"] = args.lr * schedule_factor(args.schedule, epoch, args.epochs)
        before = time.perf_counter()
        loss, train_top1, seen = train_epoch(
            net, optimizer, train_images, train_labels, prepare, args.batch, args.max_batches
        )
        seconds = time.perf_counter() - before
        train_seconds += seconds
        seen_total += seen
        top1, test_loss = evaluate(net, test_images, test_labels, prepare, args.batch)
        lines.append({"epoch": epoch + 1, "train_loss": loss, "train_top1": train_top1, "val_top1": top1})
        print(
            f"epoch {epoch + 1}: loss {loss:.4f}, train {train_top1:.2f}%, test {top1:.2f}% (loss {test_loss:.4f}), "
            f"{seconds:.1f} s, {seen / seconds:.0f} images/s",
            file=sys.stderr,
            flush=True,
        )
    result = {
        "framework": "pytorch",
        "version": torch.__version__,
        "model": args.model,
        "data": "mnist",
        "lr": args.lr,
        "batch": args.batch,
        "epochs": args.epochs,
        "seed": args.seed,
        "threads": args.threads,
        "accuracy": lines[-1]["val_top1"],
        "accuracy_best": max(line["val_top1"] for line in lines),
        "seconds": train_seconds,
        "images_per_second": seen_total / train_seconds,
        "peak_rss_mib": peak_rss_mib(),
        "per_epoch": lines,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
