"""Makes inception_seeded.safetensors: the features of two images under weights from a formula.

The network is written with torch.nn.functional after the description of the FID network: Inception
v3 with average pooling that does not count the padding, and maximum pooling in the last block.
"""

import os

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file


def noise(salt, count):
    """Numbers in [-1/2, 1/2) from a hash of salt and position."""
    h = (np.arange(count, dtype="u4") * np.uint32(2654435761)) + np.uint32(salt * 97 % 2**32)
    for _ in range(2):
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x45D9F3B)
    h ^= h >> np.uint32(16)
    return h.astype("f8") / 2**32 - 0.5


def unit(x, name, out, kernel=(1, 1), stride=1, padding=None):
    fan = x.shape[1] * kernel[0] * kernel[1]
    salt = sum((i + 1) * ord(c) for i, c in enumerate(name))
    weight = noise(salt, out * fan).reshape(out, x.shape[1], *kernel) * (24 / fan) ** 0.5
    gain, bias = 1 + 0.4 * noise(salt + 1, out), 0.4 * noise(salt + 2, out)
    mean, var = 0.4 * noise(salt + 3, out), 1 + noise(salt + 4, out)
    weight, gain, bias, mean, var = (
        torch.tensor(t.astype("f4").astype("f8")) for t in (weight, gain, bias, mean, var)
    )
    if padding is None:
        padding = (kernel[0] // 2, kernel[1] // 2)
    y = F.conv2d(x, weight, stride=stride, padding=padding)
    return F.relu(F.batch_norm(y, mean, var, gain, bias, eps=1e-3))


def average(x):
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def block_a(x, n, pooled):
    a = unit(x, n + ".branch1x1", 64)
    b = unit(unit(x, n + ".branch5x5_1", 48), n + ".branch5x5_2", 64, (5, 5))
    c = unit(unit(x, n + ".branch3x3dbl_1", 64), n + ".branch3x3dbl_2", 96, (3, 3))
    c = unit(c, n + ".branch3x3dbl_3", 96, (3, 3))
    return torch.cat([a, b, c, unit(average(x), n + ".branch_pool", pooled)], 1)


def block_b(x, n):
    a = unit(x, n + ".branch3x3", 384, (3, 3), 2, 0)
    b = unit(unit(x, n + ".branch3x3dbl_1", 64), n + ".branch3x3dbl_2", 96, (3, 3))
    b = unit(b, n + ".branch3x3dbl_3", 96, (3, 3), 2, 0)
    return torch.cat([a, b, F.max_pool2d(x, 3, 2)], 1)


def block_c(x, n, w):
    a = unit(x, n + ".branch1x1", 192)
    b = unit(unit(x, n + ".branch7x7_1", w), n + ".branch7x7_2", w, (1, 7))
    b = unit(b, n + ".branch7x7_3", 192, (7, 1))
    c = unit(unit(x, n + ".branch7x7dbl_1", w), n + ".branch7x7dbl_2", w, (7, 1))
    c = unit(unit(c, n + ".branch7x7dbl_3", w, (1, 7)), n + ".branch7x7dbl_4", w, (7, 1))
    c = unit(c, n + ".branch7x7dbl_5", 192, (1, 7))
    return torch.cat([a, b, c, unit(average(x), n + ".branch_pool", 192)], 1)


def block_d(x, n):
    a = unit(unit(x, n + ".branch3x3_1", 192), n + ".branch3x3_2", 320, (3, 3), 2, 0)
    b = unit(unit(x, n + ".branch7x7x3_1", 192), n + ".branch7x7x3_2", 192, (1, 7))
    b = unit(unit(b, n + ".branch7x7x3_3", 192, (7, 1)), n + ".branch7x7x3_4", 192, (3, 3), 2, 0)
    return torch.cat([a, b, F.max_pool2d(x, 3, 2)], 1)


def block_e(x, n, pool):
    a = unit(x, n + ".branch1x1", 320)
    b = unit(x, n + ".branch3x3_1", 384)
    b = [unit(b, n + ".branch3x3_2a", 384, (1, 3)), unit(b, n + ".branch3x3_2b", 384, (3, 1))]
    c = unit(unit(x, n + ".branch3x3dbl_1", 448), n + ".branch3x3dbl_2", 384, (3, 3))
    c = [
        unit(c, n + ".branch3x3dbl_3a", 384, (1, 3)),
        unit(c, n + ".branch3x3dbl_3b", 384, (3, 1)),
    ]
    return torch.cat([a, *b, *c, unit(pool(x), n + ".branch_pool", 192)], 1)


def features(x):
    x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
    x = 2 * x - 1
    x = unit(x, "Conv2d_1a_3x3", 32, (3, 3), 2, 0)
    x = unit(x, "Conv2d_2a_3x3", 32, (3, 3), 1, 0)
    x = F.max_pool2d(unit(x, "Conv2d_2b_3x3", 64, (3, 3)), 3, 2)
    x = unit(x, "Conv2d_3b_1x1", 80)
    x = F.max_pool2d(unit(x, "Conv2d_4a_3x3", 192, (3, 3), 1, 0), 3, 2)
    for name, pooled in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)]:
        x = block_a(x, name, pooled)
    x = block_b(x, "Mixed_6a")
    for name, w in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)]:
        x = block_c(x, name, w)
    x = block_d(x, "Mixed_7a")
    x = block_e(x, "Mixed_7b", average)
    x = block_e(x, "Mixed_7c", lambda x: F.max_pool2d(x, 3, 1, 1))
    return x.mean((2, 3))


# Two images, [2, 3, 41, 53].
n, c, y, x = (torch.arange(k, dtype=torch.float64) for k in (2, 3, 41, 53))
n, c, y, x = n[:, None, None, None], c[:, None, None], y[:, None], x
images = 0.5 + 0.5 * torch.sin(0.31 * y * (n + 1) + 0.17 * x + 1.3 * c + 0.011 * x * y)
images = images.float().double()
with torch.no_grad():
    result = features(images)
print(result.abs().mean(1), result[:, :4])
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inception_seeded.safetensors")
save_file({"features": result[:, ::16].float().contiguous()}, path)
