"""Antialiased resizing of 8-bit grey images by Pillow: Image.resize(size, filter, box).

Pillow works in two passes, rows first, with the triangle filter widened to the shrinking factor, in fixed point with
an 8-bit result after each pass; a reader that follows it matches every byte. Small results are stored whole, large ones
as a 64-bit FNV-1a hash of their bytes (offset 0xcbf29ce484222325, prime 0x100000001b3) and the sum of their bytes.
Images are (height, width), row-major; a box is (left, top, right, bottom).
"""

import numpy as np
import PIL
from PIL import Image

from golden import store, stream

STORED_BYTES = 96 * 96


def stroke_image(side=28):
    """A bright ring with a bar on black, soft at its edges, like a handwritten digit."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float64)
    ring = np.abs(np.hypot((y - 13.2) / 1.15, x - 12.4) - 6.3)
    bar = np.where((y > 12) & (y < 25), np.abs(x - 19.1 + 0.2 * (y - 12)), 9.0)
    return np.clip(255 * (2.4 - np.minimum(ring, bar)), 0, 255).astype(np.uint8)


def noise_image(index, height, width):
    return (stream.words(108, index, height * width) & 255).astype(np.uint8).reshape(height, width)


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


FILTERS = (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC), ("nearest", Image.NEAREST), ("box", Image.BOX))


def make_filters(folder):
    """Every filter on every pair of sizes, whole and with boxes whose edges cut pixels."""
    images = [noise_image(20, 23, 37), noise_image(21, 50, 19), noise_image(22, 1, 1), noise_image(23, 1, 31)]
    problems = (
        # image, height, width, box
        (0, 16, 16, None),
        (0, 40, 64, None),
        (0, 23, 16, None),
        (0, 1, 1, None),
        (0, 24, 24, (3.25, 2.5, 30.75, 21.125)),
        (0, 9, 33, (0.0, 0.0, 37.0, 11.5)),
        (0, 8, 8, (5.0, 4.0, 13.0, 12.0)),
        (1, 13, 19, None),
        (1, 9, 18, None),
        (1, 60, 5, (1.5, 0.25, 2.25, 49.75)),
        (2, 5, 3, None),
        (3, 4, 4, None),
        (3, 1, 96, (30.5, 0.0, 31.0, 1.0)),
    )
    cases = []
    for index, height, width, box in problems:
        for name, kind in FILTERS:
            result = np.asarray(Image.fromarray(images[index]).resize((width, height), kind, box=box))
            row = {"image": index, "filter": name, "size": [height, width]}
            if box:
                row["box"] = box
            row["sum"], row["fnv1a64"] = int(result.sum(dtype=np.int64)), fnv1a64(result.tobytes())
            cases.append(row)
    header = {
        "format": "athanor-golden-pillow-filters",
        "generator": f"tools/make_golden.py, Pillow {PIL.__version__}, numpy {np.__version__}",
    }
    images = [store.tensor(image) for image in images]
    store.write(folder, "pillow-filters.json", {**header, "images": images, "cases": cases})


def cut_nearest(image, shorter, height, width):
    """Longer side to the nearest pixel (a half to the even one), margin down."""
    size = [shorter if side == min(image.size) else round(shorter * side / min(image.size)) for side in image.size]
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return image.resize(size, Image.BILINEAR).crop((left, top, left + width, top + height))


def cut_torchvision(image, shorter, height, width):
    from torchvision import transforms

    steps = [transforms.Resize(shorter, transforms.InterpolationMode.BILINEAR), transforms.CenterCrop((height, width))]
    return transforms.Compose(steps)(image)


def make_cuts(folder):
    """Resize and centre crop of photos of odd proportions, in both roundings."""
    sizes = ((37, 61), (61, 37), (40, 62), (53, 53), (101, 29), (47, 71), (20, 31))
    problems = ((32, 28, 28), (32, 27, 28), (33, 24, 25), (20, 20, 20), (48, 42, 41), (10, 8, 7))
    images = [noise_image(20 + k, height, width) for k, (height, width) in enumerate(sizes)]
    cases = []
    for index, image in enumerate(images):
        for shorter, height, width in problems:
            for name, cut in (("nearest", cut_nearest), ("torchvision", cut_torchvision)):
                result = np.asarray(cut(Image.fromarray(image), shorter, height, width))
                row = {"image": index, "shorter": shorter, "crop": [height, width], "rounding": name}
                row["sum"], row["fnv1a64"] = int(result.sum(dtype=np.int64)), fnv1a64(result.tobytes())
                cases.append(row)
    header = {
        "format": "athanor-golden-pillow-cuts",
        "generator": f"tools/make_golden.py, Pillow {PIL.__version__}, torchvision {torchvision_version()}",
    }
    images = [store.tensor(image) for image in images]
    store.write(folder, "pillow-cuts.json", {**header, "images": images, "cases": cases})


def torchvision_version():
    import torchvision

    return torchvision.__version__


def make_all(folder):
    make_filters(folder)
    make_cuts(folder)
    stroke = stroke_image()
    problems = (
        # name, image, height, width of the result
        ("stroke 28x28 to 96x96", stroke, 96, 96),
        ("stroke 28x28 to 224x224", stroke, 224, 224),
        ("stroke 28x28 to 32x32", stroke, 32, 32),
        ("noise 23x37 to 16x16", noise_image(1, 23, 37), 16, 16),
        ("noise 40x17 to 21x33", noise_image(2, 40, 17), 21, 33),
        ("noise 5x7 to 13x3", noise_image(3, 5, 7), 13, 3),
        ("noise 1x9 to 4x4", noise_image(4, 1, 9), 4, 4),
        ("noise 61x53 to 9x53, one pass", noise_image(5, 61, 53), 9, 53),
    )
    cases = []
    for name, image, height, width in problems:
        result = np.asarray(Image.fromarray(image).resize((width, height), Image.BILINEAR))
        row = {"name": name, "src": store.tensor(image), "size": [height, width]}
        row["sum"], row["fnv1a64"] = int(result.sum(dtype=np.int64)), fnv1a64(result.tobytes())
        if result.size <= STORED_BYTES:
            row["dst"] = store.tensor(result)
        cases.append(row)
    header = {
        "format": "athanor-golden-pillow",
        "generator": f"tools/make_golden.py, Pillow {PIL.__version__}, numpy {np.__version__}",
    }
    store.write(folder, "pillow-resize.json", {**header, "cases": cases})
