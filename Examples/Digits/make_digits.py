"""Writes Data/digits.png and Data/digits.txt: the 8x8 digits that scikit-learn carries.

They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI
Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49), licence CC BY 4.0
(Docs/Results/Digits.md): 1797 images by 13 writers, 64 numbers from 0 to 16 each.
The picture has 42 rows of 43 images, the numbers times 15; the text has a label a character, in the
same order. Run again with

    pip install scikit-learn==1.9.1
    python3 make_digits.py
"""

import pathlib
import struct
import zlib

import numpy
from sklearn.datasets import load_digits

ROWS, COLUMNS = 42, 43

digits = load_digits()
images = numpy.zeros((ROWS * COLUMNS, 8, 8), numpy.uint8)
images[: len(digits.images)] = digits.images * 15
sheet = images.reshape(ROWS, COLUMNS, 8, 8).transpose(0, 2, 1, 3).reshape(ROWS * 8, COLUMNS * 8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


header = struct.pack(">IIBBBBB", COLUMNS * 8, ROWS * 8, 8, 0, 0, 0, 0)
rows = b"".join(b"\0" + row.tobytes() for row in sheet)
source = b"Source\0E. Alpaydin, C. Kaynak, doi.org/10.24432/C50P49, CC BY 4.0"
folder = pathlib.Path(__file__).parent / "Data"
folder.mkdir(exist_ok=True)
(folder / "digits.png").write_bytes(
    b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tEXt", source)
    + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
(folder / "digits.txt").write_text("".join(str(label) for label in digits.target) + "\n")
