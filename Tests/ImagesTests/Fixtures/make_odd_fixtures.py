"""Makes the odd images: whole ones with the pixels that Pillow decodes them to (NAME.rgb), damaged
ones, pictures that lie on their side, and masks with the numbers of their objects (NAME.ids).

Needs Pillow, numpy and libjpeg-turbo's cjpeg."""

import io
import os
import struct
import subprocess
import tempfile
import zlib

import numpy as np
from PIL import Image, ImageOps

root = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(13)
width, height = 45, 27


def scene(width, height):
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack(
        [128 + 100 * np.sin(x / 5 + y / 9), 128 + 90 * np.cos(x / 7), 255 * (y / height)], -1
    )
    pixels[height // 4 : height // 2, width // 3 : width // 2] = [250, 30, 20]
    return Image.fromarray((pixels + random.normal(0, 4, pixels.shape)).clip(0, 255).astype("u1"))


def write(name, data):
    with open(os.path.join(root, name), "wb") as file:
        file.write(data)


def whole(name, data):
    write("whole/" + name, data)
    decoded = Image.open(os.path.join(root, "whole", name))
    write("whole/" + name + ".rgb", decoded.convert("RGB").tobytes())


def damaged(name, data):
    write("damaged/" + name, data)


picture = scene(width, height)
ppm = f"P6 {width} {height} 255\n".encode() + picture.tobytes()


def cjpeg(*options, scans=None):
    with tempfile.NamedTemporaryFile("w") as file:
        if scans:
            file.write(scans)
            file.flush()
            options += ("-scans", file.name)
        return subprocess.run(
            ["cjpeg", "-quality", "80", *options], input=ppm, capture_output=True, check=True
        ).stdout


def segments(data):
    """The positions of the markers of a JPEG file, and their codes, without those of restarts."""
    found, position = [], 0
    while position + 1 < len(data):
        if data[position] != 0xFF or data[position + 1] in (0, 0xFF, *range(0xD0, 0xD8)):
            position += 1
            continue
        code = data[position + 1]
        found.append((position, code))
        if code in (0xD8, 0xD9):
            position += 2
        else:
            position += 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
    return found


def start(data, code, which=0):
    return [position for position, found in segments(data) if found == code][which]


def inserted(data, position, piece):
    return data[:position] + piece + data[position:]


# Every sampling that libjpeg decodes.
for sample in [
    "1x2", "2x1", "1x4", "4x1", "2x4", "4x2", "1x3", "3x1", "3x2", "2x3",
    "2x2,1x2,2x1", "2x2,2x1,1x1", "2x1,1x2,1x1", "1x1,2x2,1x1", "4x1,2x1,1x1", "1x2,1x1,1x2",
]:
    name = sample.replace(",", "_")
    whole(f"sample_{name}.jpg", cjpeg("-sample", sample))
whole("sample_4x4.jpg", cjpeg("-sample", "4x4", scans="0;1;2;"))
whole("sample_3x1_progressive.jpg", cjpeg("-sample", "3x1", "-progressive"))
whole("sample_4x2_restarts.jpg", cjpeg("-sample", "4x2", "-restart", "1B"))
whole("rgb_2x1.jpg", cjpeg("-rgb", "-sample", "2x1,1x1,1x1"))
whole("grey_2x2.jpg", cjpeg("-grayscale", "-sample", "2x2"))
whole("components_apart.jpg", cjpeg(scans="0;1;2;"))
whole("two_scans.jpg", cjpeg(scans="0;1 2;"))
whole("arithmetic.jpg", cjpeg("-arithmetic"))

# Each coefficient in a scan of its own; and with its last bit in another one, which are more scans than
# cjpeg writes: the first part of one file and the last of another.
whole("scans_64.jpg", cjpeg(
    "-grayscale", scans="0: 0-0, 0, 0;" + "".join(f"0: {k}-{k}, 0, 0;" for k in range(1, 64))))
twice = [f"0: {k}-{k}, 0, 1; 0: {k}-{k}, 1, 0;" for k in range(1, 64)]
first = cjpeg("-grayscale", scans="0: 0-0, 0, 0;" + "".join(twice[:32]) + "0: 33-63, 0, 0;")
second = cjpeg("-grayscale", scans="0: 0-0, 0, 0; 0: 1-32, 0, 0;" + "".join(twice[32:]))
tail = [position for position, code in segments(second) if code == 0xC4
        and position > start(second, 0xDA, 1)][0]
many = first[: start(first, 0xC4, -1)] + second[tail:]
assert len([code for _, code in segments(many) if code == 0xDA]) == 127
Image.open(io.BytesIO(many)).load()
damaged("scans_127.jpg", many)

# Four inks, of which the first is sampled more finely than the others, and the same bytes taken for
# luma, chroma and black.
inks = np.stack([np.roll(np.asarray(picture.convert("L")), 5 * k, 1) for k in range(4)], -1)
inks = Image.frombytes("CMYK", picture.size, inks.tobytes())
for subsampling in [0, 1, 2]:
    path = os.path.join(root, "cmyk.tmp")
    inks.save(path, "JPEG", quality=85, subsampling=subsampling)
    with open(path, "rb") as file:
        data = file.read()
    os.remove(path)
    whole(f"cmyk_{subsampling}.jpg", data)
    adobe = start(data, 0xEE)
    transform = adobe + 2 + struct.unpack(">H", data[adobe + 2 : adobe + 4])[0] - 1
    whole(f"ycck_{subsampling}.jpg", data[:transform] + b"\2" + data[transform + 1 :])

# Bytes that belong to no segment.
plain = cjpeg("-sample", "2x2")
progressive = cjpeg("-progressive")
stray = bytes([1, 2, 3, 4, 5, 6, 7])
for name, code in [("dqt", 0xDB), ("sof", 0xC0), ("dht", 0xC4), ("sos", 0xDA), ("eoi", 0xD9)]:
    whole(f"stray_before_{name}.jpg", inserted(plain, start(plain, code), stray))
whole("stray_between_scans.jpg", inserted(progressive, start(progressive, 0xDA, 2), stray))
whole("stray_zeros.jpg", inserted(plain, start(plain, 0xD9), bytes(64)))
whole("stray_everywhere.jpg", inserted(
    inserted(plain, start(plain, 0xD9), stray * 9), start(plain, 0xC0), stray))
whole("fill_bytes.jpg", inserted(plain, start(plain, 0xC4), b"\xff" * 9))
whole("behind_the_end.jpg", plain + stray * 20)
jfif = start(plain, 0xE0)
whole("jfif_version_0.jpg", plain[: jfif + 9] + b"\0\0" + plain[jfif + 11 :])

# A frame of motion JPEG leaves out the tables, which are then those of the standard's examples.
whole("without_tables.jpg", plain[: start(plain, 0xC4)] + plain[start(plain, 0xDA) :])

# Missing and damaged data, each with and without stray bytes before it.
sos = start(plain, 0xDA)
middle = (sos + len(plain)) // 2
littered = inserted(plain, start(plain, 0xC0), stray)
shift = len(stray)
eoi = b"\xff\xd9"
damaged("cut.jpg", plain[:middle])
damaged("cut_closed.jpg", plain[:middle] + eoi)
damaged("stray_then_cut.jpg", littered[: middle + shift])
damaged("stray_then_cut_closed.jpg", littered[: middle + shift] + eoi)
damaged("stray_then_cut_then_stray.jpg", littered[: middle + shift] + stray + eoi)
damaged("without_end.jpg", plain[:-2])
damaged("piece_missing.jpg", plain[: sos + 30] + plain[middle:])
damaged("header_only.jpg", plain[: sos + 14] + eoi)
blocks = cjpeg("-restart", "1B")
marks = [i for i in range(start(blocks, 0xDA), len(blocks) - 1)
         if blocks[i] == 0xFF and blocks[i + 1] in range(0xD0, 0xD8)]
damaged("restart_missing.jpg", blocks[: marks[2]] + blocks[marks[3] :])
damaged("restart_part_short.jpg", blocks[: marks[2] - 9] + blocks[marks[2] :])
damaged("restart_part_long.jpg", inserted(blocks, marks[2], bytes(20)))
damaged("stray_then_restart_missing.jpg",
        inserted(blocks[: marks[2]] + blocks[marks[3] :], start(blocks, 0xC0), stray))
apart = cjpeg(scans="0;1;2;")
last = start(apart, 0xDA, 2)
damaged("component_missing.jpg", apart[:last] + eoi)
damaged("stray_then_component_missing.jpg", inserted(apart[:last], start(apart, 0xC0), stray) + eoi)
damaged("progressive_cut.jpg", progressive[: len(progressive) // 2])
damaged("progressive_cut_closed.jpg", progressive[: len(progressive) // 2] + eoi)
damaged("progressive_scan_missing.jpg", progressive[: start(progressive, 0xC4, -1)] + eoi)
damaged("progressive_first_scan_only.jpg",
        progressive[: start(progressive, 0xDA, 1)] + eoi)
# As many bytes as there were, or more, but other ones: what is left over looks like stray bytes.
damaged("noise.jpg", plain[: middle - 40] + random.bytes(40) + plain[middle:])
damaged("piece_twice.jpg", inserted(plain, middle, plain[middle - 60 : middle]))
path = os.path.join(root, "rgb.png")
with open(path, "rb") as file:
    png = file.read()
damaged("cut.png", png[: len(png) // 2])
damaged("changed.png", png[:300] + bytes([png[300] ^ 8]) + png[301:])
damaged("without_end.png", png[:-12])
damaged("note.png", b"only words\n")
damaged("empty.jpg", b"")

# Pictures that lie on their side.
small = scene(7, 5)
for value in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = value
    for ending, options in [("jpg", {"quality": 95, "subsampling": 0}), ("png", {})]:
        path = os.path.join(root, "oriented", f"{value}.{ending}")
        small.save(path, exif=exif.tobytes(), **options)
        write(f"oriented/{value}.{ending}.rgb",
              ImageOps.exif_transpose(Image.open(path)).convert("RGB").tobytes())
# The other order of bytes, behind another segment APP1.
order = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
with open(os.path.join(root, "oriented", "1.jpg"), "rb") as file:
    data = file.read()
first = start(data, 0xE1)
length = struct.unpack(">H", data[first + 2 : first + 4])[0]
app1 = b"Exif\0\0" + order
note = b"http://ns.adobe.com/xap/1.0/\0<x/>"
data = (data[:first] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note
        + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + data[first + 2 + length :])
write("oriented/little_endian.jpg", data)
turned = ImageOps.exif_transpose(Image.open(os.path.join(root, "oriented", "little_endian.jpg")))
assert turned.size == (5, 7)
write("oriented/little_endian.jpg.rgb", turned.convert("RGB").tobytes())


# Masks: the numbers are those that the values have in their order, from 1 on, 0 for the background.
def png_file(values, bits, color, between=()):
    """A PNG of values [height, width, channels]."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = values.shape[1], values.shape[0]
    if bits < 8:
        digits = (values[..., 0, None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = [np.packbits(row.ravel()).tobytes() for row in digits]
    else:
        rows = [row.astype(">u2" if bits == 16 else "u1").tobytes() for row in values]
    header = struct.pack(">IIBBBBB", *size, bits, color, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + b"".join(chunk(*piece) for piece in between)
            + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
            + chunk(b"IEND", b""))


def mask(name, ids, values, bits, color, between=()):
    """`values[i]` is the value of object i."""
    values = np.asarray(values)
    values = values[:, None] if values.ndim == 1 else values
    write(f"masks/{name}.png", png_file(values[ids], bits, color, between))
    write(f"masks/{name}.ids", ids.astype("<u2").tobytes())


def numbers(count):
    ids = random.integers(0, count, (9, 11))
    ids.ravel()[:count] = np.arange(count)
    return ids


voc = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)]
colors = np.zeros((256, 3), "u1")
colors[:5] = voc
colors[255] = (224, 224, 192)
palette = [(b"PLTE", colors.tobytes())]
mask("palette", numbers(5), [0, 1, 2, 3, 4], 8, 3, palette)
mask("palette_ignored", numbers(5), [0, 1, 2, 4, 255], 8, 3, palette)
mask("palette4", numbers(5), [0, 1, 2, 3, 4], 4, 3, [(b"PLTE", colors[:16].tobytes())])
mask("palette_same_colors", numbers(3), [0, 1, 2], 2, 3, [(b"PLTE", bytes(12))])
mask("grey", numbers(4), [0, 36, 77, 219], 8, 0)
mask("grey1", numbers(2), [0, 1], 1, 0)
mask("grey2", numbers(4), [0, 1, 2, 3], 2, 0)
mask("grey4", numbers(5), [0, 3, 7, 9, 15], 4, 0)
mask("grey16", numbers(6), [0, 1, 256, 300, 26001, 65535], 16, 0)
mask("grey_alpha", numbers(3), [(0, 0), (5, 255), (9, 255)], 8, 4)
# In the order R + 256 G + 65536 B.
mask("rgb", numbers(6), [(0, 0, 0), (9, 0, 0), (8, 1, 0), (0, 128, 0), (7, 7, 1), (0, 0, 2)], 8, 2)
mask("rgba", numbers(3), [(0, 0, 0, 0), (255, 0, 0, 255), (0, 255, 0, 255)], 8, 6)
mask("rgb16", numbers(4), [(0, 0, 0), (256, 0, 0), (0, 1, 0), (0, 0, 1)], 16, 2)
write("masks/transparency_only.png", png_file(
    np.array([(0, 0, 0, 0), (0, 0, 0, 255)])[numbers(2)], 8, 6))
noise = random.permutation(np.arange(80 * 80) * 2600).reshape(80, 80, 1) >> [0, 8, 16] & 255
write("masks/photograph.png", png_file(noise, 8, 2))
write("masks/jpeg.png", plain)
