"""Trims a file of float64 reference tensors: trim_reference.py IN OUT.

Gradients of more than 512 numbers are replaced by every 7th number (NAME#stride7), their sum
(NAME#sum) and their inner product with cos(0.1 i) (NAME#dot), i the position in row-major order.
Gradients that are the same for both variants are stored once, as grad.both.NAME. Tensors whose
numbers single precision holds exactly are stored as F32.
"""

import json
import struct
import sys

import numpy as np


def read(path):
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], "<f8").reshape(entry["shape"])
    return tensors, metadata


def write(path, tensors, metadata):
    header, parts, offset = {"__metadata__": metadata}, [], 0
    for name, value in tensors.items():
        exact = np.array_equal(value.astype("<f4").astype("<f8"), value)
        value = value.astype("<f4" if exact else "<f8")
        header[name] = {
            "dtype": "F32" if exact else "F64",
            "shape": list(value.shape),
            "data_offsets": [offset, offset + value.nbytes],
        }
        parts.append(value.tobytes())
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def trim(tensors):
    result = {}
    for name, value in tensors.items():
        if name.startswith("grad.unrolled."):
            twin = tensors.get("grad.implicit." + name[len("grad.unrolled."):])
            if twin is not None and np.array_equal(value, twin):
                name = "grad.both." + name[len("grad.unrolled."):]
        elif name.startswith("grad.implicit."):
            if "grad.both." + name[len("grad.implicit."):] in result or np.array_equal(
                value, tensors["grad.unrolled." + name[len("grad.implicit."):]]
            ):
                continue
        if name.startswith("grad.") and value.size > 512:
            flat = value.reshape(-1)
            result[name + "#stride7"] = flat[::7]
            result[name + "#sum"] = flat.sum().reshape(1)
            result[name + "#dot"] = (flat * np.cos(0.1 * np.arange(flat.size))).sum().reshape(1)
        else:
            result[name] = value
    return result


if __name__ == "__main__":
    tensors, metadata = read(sys.argv[1])
    write(sys.argv[2], trim(tensors), metadata)
