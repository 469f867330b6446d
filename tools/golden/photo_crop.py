#!/usr/bin/env python3
"""Means and deviations of torchvision's RandomResizedCrop parameters, for tests/data/test_photos.c."""
import numpy as np
import torch
import torchvision

torch.manual_seed(0)
image = torch.zeros(3, 375, 500)
draws = np.array([torchvision.transforms.RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3))
                  for _ in range(400000)], dtype=float)
top, left, height, width = draws.T
print("torchvision", torchvision.__version__)
for name, values in (("height", height), ("width", width), ("top", top), ("left", left)):
    print(f"{name:8s} mean {values.mean():.4f}  deviation {values.std():.4f}")
