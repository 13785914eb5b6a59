"""Makes the image fixtures and, with Pillow, the pixels they must decode to (NAME.rgb)."""

import os
import struct
import zlib

import numpy as np
from PIL import Image

folder = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(5)


def scene(width, height):
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [128 + 100 * np.sin(x / 5 + y / 9), 128 + 90 * np.cos(x / 7), 255 * (y / height)], -1
    )
    pixels[height // 4 : height // 2, width // 3 : width // 2] = [250, 30, 20]
    return Image.fromarray((pixels + random.normal(0, 4, pixels.shape)).clip(0, 255).astype("u1"))


def save(name, image, **options):
    path = os.path.join(folder, name)
    image.save(path, **options)
    decoded = Image.open(path).convert("RGB")
    with open(path + ".rgb", "wb") as file:
        file.write(decoded.tobytes())


image = scene(37, 23)
save("rgb.png", image)
save("grey.png", image.convert("L"))
save("palette.png", image.convert("P", palette=Image.Palette.ADAPTIVE))
rgba = image.convert("RGBA")
rgba.putalpha(Image.fromarray(random.integers(0, 255, (23, 37), dtype="u1")))
save("rgba.png", rgba)
save("bits.png", image.convert("1"))
save("420.jpg", image, quality=80, subsampling=2)
save("422.jpg", image, quality=80, subsampling=1)
save("444.jpg", image, quality=90, subsampling=0)
save("grey.jpg", image.convert("L"), quality=85)
save("progressive.jpg", image, quality=70, progressive=True)
for width, height in [(16, 16), (64, 40), (11, 50), (37, 9)]:
    with open(os.path.join(folder, f"resized_{width}x{height}.rgb"), "wb") as file:
        file.write(image.resize((width, height), Image.BICUBIC).tobytes())
# Larger than the vectors of a kernel, then the short side to 32 and the central square
# as torchvision's Resize and CenterCrop place it.
large = image.resize((203, 151), Image.BICUBIC)
with open(os.path.join(folder, "large_31x17.rgb"), "wb") as file:
    file.write(large.resize((31, 17), Image.BICUBIC).tobytes())
with open(os.path.join(folder, "large_square.rgb"), "wb") as file:
    file.write(large.resize((43, 32), Image.BICUBIC).crop((6, 0, 38, 32)).tobytes())


def png(name, size, depth, color, rows, interlaced=False, between=()):
    """A PNG file from rows of bytes: what Pillow reads but does not write.

    `between` holds pairs of kind and content of chunks between header and data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        for kind, content in between:
            file.write(chunk(kind, content))
        file.write(chunk(b"IDAT", data))
        file.write(chunk(b"IEND", b""))
    with open(path + ".rgb", "wb") as file:
        file.write(Image.open(path).convert("RGB").tobytes())


random = np.random.default_rng(6)
image = scene(37, 23)
save("greyalpha.png", Image.merge("LA", (image.convert("L"), image.convert("L"))))
save("palette4.png", image.convert("P", palette=Image.Palette.ADAPTIVE, colors=16), bits=4)
save("transparent.png", image.convert("P", palette=Image.Palette.ADAPTIVE), transparency=3)
cmyk = np.stack([np.roll(np.asarray(image.convert("L")), 5 * k, 1) for k in range(4)], -1)
save("cmyk.jpg", Image.frombytes("CMYK", image.size, cmyk.tobytes()), quality=85)
wide = np.asarray(image).astype(">u2") * 256 + random.integers(0, 256, (23, 37, 3))
png("rgb16.png", image.size, 16, 2, [row.astype(">u2").tobytes() for row in wide])
pixels = np.asarray(image)
passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
rows = [row.tobytes() for y, x, dy, dx in passes for row in pixels[y::dy, x::dx] if row.size]
png("interlaced.png", image.size, 8, 2, rows, interlaced=True)

# Every kind of PNG that is left: 16 bits of grey (values below and above 255), with a transparent
# value, with alpha and interlaced; 16 bits of colour with a transparent colour and with alpha; 1, 2
# and 4 bits of grey, with a transparent value too; palettes whose colours have alphas.
random = np.random.default_rng(7)
grey = random.integers(0, 600, (23, 37)).astype(">u2")
alpha = random.integers(0, 65536, (23, 37)).astype(">u2")
png("grey16.png", image.size, 16, 0, [row.tobytes() for row in grey])
clear = [(b"tRNS", struct.pack(">H", int(grey[3, 4])))]
png("grey16transparent.png", image.size, 16, 0, [row.tobytes() for row in grey], between=clear)
rows = [row.tobytes() for y, x, dy, dx in passes for row in grey[y::dy, x::dx] if row.size]
png("grey16interlaced.png", image.size, 16, 0, rows, interlaced=True)
wide = wide.astype(">u2")
png("greyalpha16.png", image.size, 16, 4, [row.tobytes() for row in np.stack([wide[..., 0], alpha], -1)])
png("rgba16.png", image.size, 16, 6, [row.tobytes() for row in np.dstack([wide, alpha])])
clear = [(b"tRNS", struct.pack(">HHH", *map(int, wide[3, 4])))]
png("rgb16transparent.png", image.size, 16, 2, [row.tobytes() for row in wide], between=clear)


def packed(values, bits):
    """Rows of numbers below 2^bits, the first in the upper bits of a byte."""
    digits = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(row.ravel()).tobytes() for row in digits]


for bits in [1, 2, 4]:
    values = random.integers(0, 1 << bits, (23, 37))
    png(f"grey{bits}.png", image.size, bits, 0, packed(values, bits))
    clear = [(b"tRNS", struct.pack(">H", 1))]
    png(f"grey{bits}transparent.png", image.size, bits, 0, packed(values, bits), between=clear)
colors = (b"PLTE", random.integers(0, 256, 12, dtype="u1").tobytes())
alphas = (b"tRNS", bytes([0, 130, 255]))
png("palette2alpha.png", image.size, 2, 3, packed(random.integers(0, 4, (23, 37)), 2), between=[colors, alphas])
colors = (b"PLTE", random.integers(0, 256, 768, dtype="u1").tobytes())
alphas = (b"tRNS", random.integers(0, 256, 200, dtype="u1").tobytes())
png("palettealpha.png", image.size, 8, 3, [row.tobytes() for row in random.integers(0, 256, (23, 37), dtype="u1")], between=[colors, alphas])
