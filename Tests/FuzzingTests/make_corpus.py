"""Makes the inputs that fuzzing begins from, in the folder Corpus, and the words that it tries, in Dictionaries.

Corpus/run/resumable is the description of a real run, and is not made here.
"""

import json
import os
import re
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
METRICS = """{"step": 0, "val_cross_entropy": 9.5, "val_mse": 2.5, "seconds": 0.5}
{"step": 1, "loss": 3, "gradient_norm": 0.5, "seconds_step": 0.25, "probe_seconds": 0.1, "seconds": 1}
{"step": 2, "loss": 2, "gradient_norm": 0.4, "jacobian_spectral_norm": 0.7, "seconds_step": 0.5, "seconds": 2}
{"step": 2, "val_cross_entropy": 8, "val_mse": null, "seconds": 2}
"""
RECORD = {"data": {"path": "pictures", "limit": 20, "center_crop": 8, "exif_orientation": True}}
write("measurements", "metrics", METRICS)
write("measurements", "scores", METRICS + '\0{"fg_ari": 0.5, "mbo": null}')
write("measurements", "whole", METRICS + '\0{"ari": 1e-3}\0' + json.dumps(RECORD))
# One bracket more than Foundation takes, and nothing after it: its decoder trapped.
DEEP = "[" * 513
write("measurements", "deep", METRICS + "\0" + DEEP + "\0" + DEEP)
for parser in ["experiment", "run", "configuration"]:
    write(parser, "deep", DEEP)
write("metrics", "deep", "{}\n" + DEEP + "\n{}\n")
write("experiment", "generated", json.dumps(
    {"experiment": "one", "scale": "small", "data": [], "measuring": {}}))
write("experiment", "others", json.dumps(
    {"experiment": "one", "scale": "small", "data": [{"path": "pictures", "limit": 20}],
     "measuring": {"images": 8, "inception": "inception.safetensors"}}))
SIZES = {
    "dvae.encoder.6.weight": [1], "dvae.encoder.1.m.weight": [1, 1, 1, 1],
    "dictionary.dictionary.weight": [3, 4], "positional_encoder.pe": [1, 5, 4],
    "slot_proj.weight": [4, 1], "slot_attn.slot_attention.mlp.0.weight": [2, 1],
    "slot_attn.slot_attention.gru.weight_ih": [3, 1], "tf_dec.blocks.0.ffn.0.weight": [16, 4],
}


def zeros(shapes):
    def bytes_of(shape):
        count = 2
        for extent in shape:
            count *= extent
        return bytes(count)
    return safetensors({name: ("F16", shape, bytes_of(shape)) for name, shape in shapes.items()})


write("sizes", "random", zeros(SIZES))
write("sizes", "learned", zeros(SIZES | {"slot_attn.slot_init": [1, 3, 1]}))
write("slots", "two", safetensors(
    {"slots": ("F32", [1, 2, 8], bytes(64)), "attention": ("F32", [1, 2, 4, 4], bytes(128))},
    {"image.0": "one.png"}))
write("slots", "none", safetensors({"slots": ("F32", [0, 2, 8], b"")}))
for index, text in enumerate([
    "train --data pictures --steps 5 --solver anderson:4 --gradient neumann:3 --lr-main 1e-3",
    "train --resume runs/one --workers 2 --exif-orientation", "evaluate runs/one --json --images 8",
    "compose run slots.safetensors --scene 0:0,0:1 --scene 1:1 --out a.png", "help train",
    "experiment solvers --out results --scenes plain --seeds 2", "table runs/one runs/two --format csv",
    "import weights.safetensors --num-slots 4 --tau-start -1", "train --tau-final=0.5 --no-hard",
]):
    write("words", str(index), "\n".join(text.split(" ")))


def dictionary(parser, words):
    """Words that the fuzzer may put anywhere: those of the parser's inputs, and these. Returns all of them."""
    folder = os.path.join(root, "Corpus", parser)
    for name in os.listdir(folder) if parser not in IMAGES else []:
        with open(os.path.join(folder, name), "rb") as file:
            text = file.read().decode("utf-8", "ignore")
        words = words | {word for word in re.findall(r'"[\w.-]+"|[a-z][\w-]+', text)}
    os.makedirs(os.path.join(root, "Dictionaries"), exist_ok=True)
    with open(os.path.join(root, "Dictionaries", parser), "w") as file:
        for word in sorted(words):
            quoted = "".join(
                c if " " <= c <= "~" and c not in '"\\' else f"\\x{ord(c):02x}" for c in word)
            file.write(f'"{quoted}"\n')
    return words


IMAGES = {
    "jpeg": {f"\xff{chr(marker)}" for marker in range(0xc0, 0x100)} | {"Exif\0\0II*\0", "Adobe\0d", "JFIF\0"},
    "png": set("IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP sBIT bKGD pHYs eXIf acTL tEXt zTXt".split()),
}
IMAGES["mask"] = IMAGES["png"]
for parser in IMAGES:
    dictionary(parser, IMAGES[parser])
NUMBERS = {"-1", "0", "0.5", "1e308", "-1e-320", "1e999", "2147483648", "4294967295",
           "9007199254740993", "9223372036854775807", "18446744073709551616", "nan"}
JSON = NUMBERS | {"true", "false", "null", "{}", "[]", '":', ',"', "\\u0000", "\\ud800", '{"', '"}'}
with open(os.path.join(root, "..", "..", "Docs", "Reference", "SlateCommandLine.md")) as file:
    OPTIONS = {word + "\n" for word in re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", file.read())}
with open(os.path.join(root, "Corpus", "run", "resumable")) as file:
    KEYS = set(re.findall(r'"\w+"', file.read()))
dictionary("run", JSON | KEYS)
dictionary("configuration", JSON | {
    re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), key) for key in KEYS})
for parser in ["metrics", "measurements", "experiment"]:
    dictionary(parser, JSON)
DTYPES = {f'"{name}"' for name in [
    "F64", "F32", "F16", "BF16", "F8_E5M2", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL"]}
for parser in ["safetensors", "statistics", "sizes", "slots"]:
    dictionary(parser, JSON | DTYPES | {'"__metadata__"', '"dtype"', '"shape"', '"data_offsets"'})
dictionary("numpy", NUMBERS | {
    "'descr': ", "'fortran_order': ", "'shape': ", "'<f4'", "'<f8'", "'>f8'", "'|u1'", "True", "False",
    "(2, 2)", "(9223372036854775807,)", "mu.npy", "sigma.npy"})
CHOICES = dictionary("choices", NUMBERS)
dictionary("words", CHOICES | OPTIONS | {"\n", "=", "--\n", "~/"})
dictionary("shapestacks", {"../", "/", "\n", "\r\n", "recordings/", "iseg-w=0.png"})
