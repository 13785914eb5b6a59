"""Makes the inputs that fuzzing begins from, in the folder Corpus: small files of every kind."""

import json
import os
import shutil
import struct

root = os.path.dirname(os.path.abspath(__file__))
images = os.path.join(root, "..", "ImagesTests", "Fixtures")


def write(parser, name, data):
    folder = os.path.join(root, "Corpus", parser)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def copy(parser, path):
    folder = os.path.join(root, "Corpus", parser)
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(images, path), folder)


for name in [
    "whole/sample_2x1.jpg", "whole/sample_4x2_restarts.jpg", "whole/sample_3x1_progressive.jpg",
    "whole/arithmetic.jpg", "whole/cmyk_2.jpg", "whole/ycck_1.jpg", "whole/components_apart.jpg",
    "whole/stray_everywhere.jpg", "whole/grey_2x2.jpg", "oriented/6.jpg",
]:
    copy("jpeg", name)
for name in [
    "oriented/6.png", "bits.png", "grey2transparent.png", "palette2alpha.png",
    "grey16interlaced.png", "interlaced.png", "rgb.png", "rgb16transparent.png",
]:
    copy("png", name)
for name in ["palette_ignored", "grey1", "grey2", "grey16", "grey_alpha", "rgb", "rgba", "rgb16"]:
    copy("mask", f"masks/{name}.png")


def safetensors(tensors, metadata=None):
    """tensors: name -> (type, shape, bytes)."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (kind, shape, content) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


write("safetensors", "floats", safetensors(
    {"a": ("F32", [2, 3], bytes(24)), "b.c": ("F64", [], bytes(8))}, {"run": "{}"}))
write("safetensors", "others", safetensors(
    {"h": ("F16", [2], bytes(4)), "b": ("BF16", [1, 1], bytes(2)), "i": ("I64", [1], bytes(8)),
     "j": ("I32", [1], bytes(4)), "u": ("U8", [3], bytes(3)), "t": ("BOOL", [2], b"\0\1")}))
write("safetensors", "empty", safetensors({}))
write("safetensors", "no_elements", safetensors({"z": ("F32", [0, 5], b"")}))
write("safetensors", "escapes", safetensors({"\u00e9\"\\\n": ("F32", [1], bytes(4))}))
write("statistics", "two", safetensors(
    {"mean": ("F64", [2], bytes(16)), "factor": ("F64", [1, 2], bytes(16))}, {"images": "2"}))
write("statistics", "huge", safetensors(
    {"mean": ("F64", [0], b""), "factor": ("F64", [2147483647, 0], b"")}))
write("configuration", "some", '{"steps": 5, "gradient": "neumann:3", "solver": "anderson:4"}')
write("configuration", "others", '{"image_size": 32, "tau_start": 1e-3, "hard": true, "seed": 7}')
write("configuration", "text", '{"slot_init": "learned", "lr_main": 0.1, "tolerance": 1e-4}')
write("metrics", "lines", '{"step": 1, "mse": 2.5, "note": "x"}\n{"step": 2, "mse": null}\n')
write("metrics", "broken", '{"step": 1}\n{"step')
write("shapestacks", "list", "s1\n")
write("shapestacks", "slash", "/\n")
write("shapestacks", "zeros", "s1\0\0\0\0002\n")
write("shapestacks", "others", "s1\r\n ../s1\n\n s1 \n")
for index, text in enumerate([
    "implicit", "unrolled:3", "neumann:5", "phantom:5:0.5", "quasi-newton", "iteration:0.5",
    "anderson:4", "anderson:65", "newton-krylov", "neumann:9223372036854775807",
]):
    write("choices", str(index), text)
