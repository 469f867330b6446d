"""images.json: small files of every image format, with the pixels that Pillow reads from them.

Rows: name, file (base64), format, height, width, orientation, channels, rgb (base64 of interleaved pixels, turned upright)
and, for JPEG files that are decoded smaller, least: the size asked for. What Pillow cannot write (interlaced and 16-bit PNG,
run-length coded and 16-bit BMP) is put together here.
"""

import base64
import io
import json
import os
import struct
import zlib

import numpy
import PIL
from PIL import Image, ImageOps


def picture(height, width, channels):
    """A picture with slopes, an edge and some grain, so that no transform of it is itself."""
    y, x, c = numpy.mgrid[0:height, 0:width, 0:channels]
    grain = numpy.random.RandomState(5).randint(0, 24, (height, width, channels))
    values = 30 + 150 * x / width + 50 * y / height * (c + 1) / channels - 40 * (x > width // 2) * (c == 1) + grain
    return numpy.clip(values, 0, 255).astype(numpy.uint8)


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(rows, width, height, depth, colour, interlace=0, extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def adam7(pixels):
    """Rows of the seven passes of an 8-bit RGB picture, unfiltered."""
    rows = b""
    for top, left, down, right in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)):
        part = pixels[top::down, left::right]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return rows


def bmp(width, height, bits, compression, data, palette=b"", masks=b""):
    offset = 14 + 40 + len(masks) + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 2835, 2835, len(palette) // 4, 0)
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + header + masks + palette + data


def colours(count):
    return b"".join(bytes((37 * i % 256, 91 * i % 256, 53 * i % 256, 0)) for i in range(count))


def files():
    rgb, grey = picture(13, 18, 3), picture(13, 18, 1)[:, :, 0]
    image, plain = Image.fromarray(rgb), Image.fromarray(grey)
    alpha = Image.fromarray(numpy.concatenate([rgb, picture(13, 18, 1)[::-1]], 2))
    palette = image.quantize(23)
    wide = Image.fromarray(picture(96, 75, 3))

    yield "jpeg", saved(image, "JPEG", quality=90)
    yield "jpeg-444", saved(image, "JPEG", quality=90, subsampling=0)
    yield "jpeg-grey", saved(plain, "JPEG", quality=90)
    yield "jpeg-progressive", saved(image, "JPEG", quality=85, progressive=True)
    yield "jpeg-cmyk", saved(image.convert("CMYK"), "JPEG", quality=90)
    yield "jpeg-pixel", saved(Image.fromarray(rgb[:1, :1]), "JPEG")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        yield f"jpeg-turned-{turn}", saved(image, "JPEG", quality=90, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    for least in (90, 40, 20, 9):
        yield f"jpeg-least-{least}", saved(wide, "JPEG", quality=90)
    yield "jpeg-turned-least-20", saved(wide, "JPEG", quality=90, exif=exif)

    yield "png", saved(image, "PNG")
    yield "png-grey", saved(plain, "PNG")
    yield "png-bits", saved(plain.point(lambda v: 255 * (v > 110)).convert("1"), "PNG")
    yield "png-palette", saved(palette, "PNG")
    yield "png-palette-4", saved(image.quantize(11), "PNG")
    yield "png-palette-clear", saved(palette, "PNG", transparency=3)
    yield "png-alpha", saved(alpha, "PNG")
    yield "png-grey-alpha", saved(alpha.convert("LA"), "PNG")
    yield "png-turned-8", saved(image, "PNG", exif=(lambda e: (e.__setitem__(0x0112, 8), e)[1])(Image.Exif()))
    wide16 = rgb.astype(">u2") * 256 + 77
    yield "png-16", png(b"".join(b"\0" + row.tobytes() for row in wide16), 18, 13, 16, 2)
    yield "png-interlaced", png(adam7(rgb), 18, 13, 8, 2, interlace=1)
    yield "png-pixel", saved(Image.fromarray(rgb[:1, :1]), "PNG")

    yield "webp", saved(image, "WEBP", quality=80)
    yield "webp-lossless", saved(image, "WEBP", lossless=True)
    yield "webp-alpha", saved(alpha, "WEBP", lossless=True, exact=True)
    yield "webp-turned-6", saved(image, "WEBP", lossless=True, exif=exif)
    yield "webp-moving", saved(image, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(rgb[::-1])], duration=100)

    yield "gif", saved(palette, "GIF", interlace=0)
    yield "gif-interlaced", saved(palette, "GIF", interlace=1)
    yield "gif-clear", saved(palette, "GIF", transparency=3)
    yield "gif-moving", saved(palette, "GIF", save_all=True, append_images=[palette.transpose(Image.Transpose.FLIP_TOP_BOTTOM)])

    yield "bmp", saved(image, "BMP")
    yield "bmp-bits", saved(plain.convert("1"), "BMP")
    yield "bmp-palette", saved(palette, "BMP")
    yield "bmp-32", bmp(5, 3, 32, 0, bytes(range(60)))
    yield "bmp-top-down", bmp(5, -3, 24, 0, b"".join(bytes(range(k, k + 15)) + b"\0" for k in (10, 60, 120)))
    yield "bmp-16", bmp(3, 2, 16, 0, bytes((0x1f, 0x7c, 0xe0, 0x03, 0x1f, 0, 0, 0, 0x34, 0x12, 0x78, 0x56, 0xff, 0x7f, 0, 0)))
    yield "bmp-565", bmp(3, 2, 16, 3, bytes((0x1f, 0xf8, 0xe0, 0x07, 0x1f, 0, 0, 0, 0x34, 0x12, 0x78, 0x56, 0xff, 0xff, 0, 0)),
                         masks=struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    yield "bmp-4", bmp(5, 2, 4, 0, bytes((0x12, 0x34, 0x50, 0, 0xfe, 0xdc, 0xb0, 0)), colours(16))
    yield "bmp-rle8", bmp(6, 3, 8, 1, bytes((4, 7, 2, 9, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 1, 6, 0, 0, 6, 8, 0, 1)), colours(16))
    yield "bmp-rle4", bmp(6, 2, 4, 2, bytes((5, 0x27, 1, 0x30, 0, 0, 0, 6, 0x12, 0x34, 0x56, 0, 0, 1)), colours(16))

    yield "ppm", saved(image, "PPM")
    yield "pgm", saved(plain, "PPM")


def row(name, data):
    image = Image.open(io.BytesIO(data))
    orientation = image.getexif().get(0x0112, 1)
    result = {"name": name, "file": base64.b64encode(data).decode(), "format": image.format, "orientation": orientation}
    upright = ImageOps.exif_transpose(image) if orientation > 1 else image
    result["height"], result["width"] = upright.height, upright.width
    result["channels"] = 1 if image.mode in ("L", "LA", "1") and image.format in ("JPEG", "PNG", "PPM") else 3
    if "least" in name:
        result["least"] = least = int(name.rsplit("-", 1)[1])
        image = Image.open(io.BytesIO(data))
        image.draft("RGB", (least, least))
        upright = ImageOps.exif_transpose(image)
    result["size"] = [upright.height, upright.width]
    result["rgb"] = base64.b64encode(upright.convert("RGB").tobytes()).decode()
    return result


def make_all(folder):
    rows = [row(name, data) for name, data in files()]
    path = os.path.join(folder, "images.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"made_by": f"Pillow {PIL.__version__}", "images": rows}, out, indent=0)
        out.write("\n")
    print(path, os.path.getsize(path), "bytes")
