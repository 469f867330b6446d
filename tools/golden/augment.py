"""Random transforms' operations by torchvision, with given parameters, on 8-bit images.

Brightness and colour: torchvision.transforms.functional on uint8 tensors, byte for byte. Affine maps: the same function
on float64 tensors, rounded to the nearest byte (half to even), so that float32 rounding of coordinates plays no part;
the uint8 form must agree to within one grey level at nearly all pixels, which is asserted here. "policy" cases are
what AutoAugment, RandAugment and TrivialAugment do for a named operation and a magnitude. "tables" holds AutoAugment's
CIFAR-10 pairs and the magnitudes of the three, as torchvision has them.
"""

import numpy as np
import torch
import torchvision
from torchvision.transforms import InterpolationMode, autoaugment
from torchvision.transforms import functional as F

from golden import store, stream

HEIGHT, WIDTH = 13, 11
INTERPOLATIONS = {"nearest": InterpolationMode.NEAREST, "bilinear": InterpolationMode.BILINEAR}


def picture():
    """Three soft colour gradients with some noise: every value between about 10 and 240 can occur."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    planes = [20 + 15 * y, 230 - 9 * x - 6 * y, 40 + 17 * np.abs(x - 5) + 3 * y]
    noise = (stream.words(109, 1, 3 * HEIGHT * WIDTH) & 31).astype(np.float64).reshape(3, HEIGHT, WIDTH)
    return torch.from_numpy(np.clip(np.stack(planes) + noise - 15, 0, 255).astype(np.uint8))


def flat():
    """A grey image (one channel) of two values only."""
    words = stream.words(109, 2, HEIGHT * WIDTH) & 7
    return torch.from_numpy(np.where(words == 0, 90, 70).astype(np.uint8).reshape(1, HEIGHT, WIDTH))


PIXEL_OPS = {
    "brightness": (F.adjust_brightness, (0.0, 0.4, 1.0, 1.73)),
    "contrast": (F.adjust_contrast, (0.0, 0.35, 1.0, 1.9)),
    "saturation": (F.adjust_saturation, (0.0, 0.35, 1.0, 1.9)),
    "hue": (F.adjust_hue, (-0.5, -0.13, 0.0, 0.27, 0.5)),
    "sharpness": (F.adjust_sharpness, (0.0, 0.1, 1.0, 1.9)),
    "posterize": (lambda image, bits: F.posterize(image, int(bits)), (0, 1, 4, 7, 8)),
    "solarize": (F.solarize, (0.0, 77.5, 128.0, 255.0)),
    "invert": (lambda image, _: F.invert(image), (0,)),
    "autocontrast": (lambda image, _: F.autocontrast(image), (0,)),
    "equalize": (lambda image, _: F.equalize(image), (0,)),
    "grey": (lambda image, _: F.rgb_to_grayscale(image, image.shape[0]), (0,)),
}

AFFINE = (
    # angle, move x, move y, scale, shear x, shear y
    (0.0, 3, -2, 1.0, 0.0, 0.0),
    (17.3, 0, 0, 1.0, 0.0, 0.0),
    (-64.1, 1, 2, 1.13, 0.0, 0.0),
    (8.7, -2, 1, 0.77, 11.3, 0.0),
    (151.9, 0, 3, 1.31, -7.1, 13.7),
)

POLICY = (
    ("Identity", (0.0,)),
    ("ShearX", (0.21, -0.93)),
    ("ShearY", (0.29, -0.37)),
    ("TranslateX", (3.9, -2.6)),
    ("TranslateY", (4.3, -5.8)),
    ("Rotate", (23.1, -131.7)),
    ("Brightness", (0.61, -0.93)),
    ("Color", (0.7, -0.4)),
    ("Contrast", (0.81, -0.57)),
    ("Sharpness", (0.9, -0.63)),
    ("Posterize", (3.0, 6.0)),
    ("Solarize", (110.5,)),
    ("AutoContrast", (0.0,)),
    ("Equalize", (0.0,)),
    ("Invert", (0.0,)),
)

WARPS = {"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"}


def rounded(image):
    return image.round().clamp(0, 255).to(torch.uint8)


def check_close(name, image, exact):
    """float32 coordinates move a value across a rounding border here and there, by one grey level."""
    wrong = (image.int() - exact.int()).abs()
    if wrong.max() > 1 or (wrong > 0).float().mean() > 0.02:
        raise ValueError(f"{name}: torchvision's uint8 and float64 results differ by {wrong.max()}")


def pixel_cases(images):
    for name, (function, parameters) in PIXEL_OPS.items():
        for which, image in images.items():
            for parameter in parameters:
                result = function(image, parameter)
                yield {"op": name, "image": which, "parameter": parameter, "dst": store.tensor(result)}


def affine_cases(images):
    for which, image in images.items():
        for how, mode in INTERPOLATIONS.items():
            for angle, x, y, scale, shear_x, shear_y in AFFINE:
                arguments = dict(angle=angle, translate=[x, y], scale=scale, shear=[shear_x, shear_y], interpolation=mode)
                exact = rounded(F.affine(image.double(), **arguments))
                check_close("affine", F.affine(image, **arguments), exact)
                yield {"image": which, "interpolation": how, "parameters": [angle, x, y, scale, shear_x, shear_y],
                       "dst": store.tensor(exact)}


def policy_cases(images):
    for which, image in images.items():
        for name, magnitudes in POLICY:
            for magnitude in magnitudes:
                result = autoaugment._apply_op(image, name, magnitude, InterpolationMode.NEAREST, None)
                if name in WARPS:
                    exact = rounded(autoaugment._apply_op(image.double(), name, magnitude, InterpolationMode.NEAREST, None))
                    check_close(name, result, exact)
                    result = exact
                yield {"op": name, "image": which, "magnitude": magnitude, "dst": store.tensor(result)}


def magnitudes(space):
    """Of each operation: the magnitudes by bin ([] = none), and whether they may be negative."""
    rows = {}
    for name, (values, signed) in space.items():
        rows[name] = {"values": values.double().tolist() if values.ndim else [], "signed": signed}
    return rows


def tables():
    size = (24, 40) # height, width
    auto = autoaugment.AutoAugment(autoaugment.AutoAugmentPolicy.CIFAR10)
    return {
        "height": size[0],
        "width": size[1],
        "cifar10": [[[name, p, -1 if bin is None else bin] for name, p, bin in pair] for pair in auto.policies],
        "auto": magnitudes(auto._augmentation_space(10, size)),
        "rand": magnitudes(autoaugment.RandAugment()._augmentation_space(31, size)),
        "trivial": magnitudes(autoaugment.TrivialAugmentWide()._augmentation_space(31)),
    }


def make_all(folder):
    images = {"picture": picture(), "flat": flat()}
    store.write(folder, "torchvision-augment.json", {
        "format": "athanor-golden-augment",
        "generator": f"tools/make_golden.py, torchvision {torchvision.__version__}, torch {torch.__version__}",
        "picture": store.tensor(images["picture"]),
        "flat": store.tensor(images["flat"]),
        "pixels": list(pixel_cases(images)),
        "affine": list(affine_cases(images)),
        "policy": list(policy_cases(images)),
        "tables": tables(),
    })
