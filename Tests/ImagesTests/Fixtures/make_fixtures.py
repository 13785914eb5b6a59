"""Makes the image fixtures and, with Pillow, the pixels they must decode to (NAME.rgb)."""

import io
import os
import sys

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
# Larger than the vectors of a kernel, then the short side to 32 and the central square.
large = image.resize((203, 151), Image.BICUBIC)
with open(os.path.join(folder, "large_31x17.rgb"), "wb") as file:
    file.write(large.resize((31, 17), Image.BICUBIC).tobytes())
with open(os.path.join(folder, "large_square.rgb"), "wb") as file:
    file.write(large.resize((43, 32), Image.BICUBIC).crop((5, 0, 37, 32)).tobytes())
