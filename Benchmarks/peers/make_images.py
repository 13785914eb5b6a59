"""Pictures to decode: small PNG like a generated scene, and JPEG like photographs."""

import pathlib
import sys

import numpy as np
from PIL import Image


def picture(random, width, height, noise):
    """Coloured discs on a smooth background, with noise."""
    y, x = np.mgrid[0:height, 0:width] / height
    image = random.uniform(60, 200, 3) + 40 * (x[..., None] * random.normal(size=3))
    for _ in range(random.integers(4, 10)):
        centre, radius = random.uniform(0, 1, 2), random.uniform(0.05, 0.25)
        inside = (x - centre[0] * width / height) ** 2 + (y - centre[1]) ** 2 < radius**2
        image[inside] = random.uniform(0, 255, 3)
    return np.clip(image + random.normal(scale=noise, size=image.shape), 0, 255).astype(np.uint8)


def main():
    folder = pathlib.Path(sys.argv[1])
    random = np.random.default_rng(1)
    for name, count, width, height, noise in [
            ("png", 800, 64, 64, 0.5), ("jpg", 240, 640, 480, 6)]:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            options = {"quality": 90} if name == "jpg" else {}
            Image.fromarray(picture(random, width, height, noise)).save(
                folder / name / f"{index:06}.{name}", **options)


if __name__ == "__main__":
    main()
