"""pictures.py random NAME H W C MEAN DEVIATION | photos NAME FOLDER: pictures as bytes and as a network sees them.

Writes NAME.u8 (N,H,W,C) and NAME.npy (N,C,H,W), normalised. Photos: the shorter side to 256, the middle 224x224, x/127.5-1.
"""
import csv
import sys

import numpy as np


def write(name, pictures, mean, deviation):
    pictures.tofile(f"{name}.u8")
    scaled = ((pictures / 255.0 - mean) / deviation).astype(np.float32)
    np.save(f"{name}.npy", np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))


def read_photo(path):
    from PIL import Image

    photo = Image.open(path).convert("RGB")
    scale = 256 / min(photo.size)
    photo = photo.resize(tuple(round(side * scale) for side in photo.size), Image.BILINEAR)
    left, top = ((side - 224) // 2 for side in photo.size)
    return np.asarray(photo.crop((left, top, left + 224, top + 224)))


kind, name = sys.argv[1:3]
if kind == "random":
    height, width, channels = map(int, sys.argv[3:6])
    drawn = np.random.default_rng(1).integers(0, 256, (16 if height < 64 else 4, height, width, channels), dtype=np.uint8)
    write(name, drawn, float(sys.argv[6]), float(sys.argv[7]))
else:
    folder = sys.argv[3]
    with open(f"{folder}/labels.csv", encoding="utf-8") as rows:
        files = [row[0] for row in csv.reader(rows)][1:]
    write(name, np.stack([read_photo(f"{folder}/{file}") for file in files]), 0.5, 0.5)
