"""Writes numpy_answers.bin: what NumPy computes for 10,000 drawn cases.

    python3 make_numpy_answers.py

Operators, shapes, arguments and elements are drawn from the number of the case alone, here and in
NumpyCases.swift in the same order. The file has 20 bytes for each case, little-endian: the shape of
the result (a one, then its extents in base 512), the inner product of the result with numbers that are
drawn too, and the sum of the magnitudes of its terms as a single.
"""
import math
import pathlib
import struct

import numpy as np

CASES = 10_000
MASK = (1 << 64) - 1


class Draw:
    def __init__(self, seed):
        self.state = seed * 0x9E3779B97F4A7C15 & MASK

    def bits(self):
        """SplitMix64 (Steele, Lea and Flood 2014)."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        return z ^ (z >> 31)

    def number(self, low, high):
        return low + self.bits() % (high - low + 1)

    def flag(self):
        return self.number(0, 1) == 1

    def shape(self, least=0, rank=None):
        """Ranks 0 to 4; one extent in ten is the least, which may be 0."""
        rank = self.number(0, 4) if rank is None else rank
        return [least if self.number(0, 9) == 0 else self.number(1, 4) for _ in range(rank)]

    def stretched(self, shape):
        kept = shape[self.number(0, len(shape)):]
        return [1 if self.flag() else n for n in kept]

    def tensor(self, shape, low=-16, high=16):
        """Multiples of 1/8, exact in both dtypes, with ties."""
        count = math.prod(shape)
        return np.array([self.number(low, high) / 8 for _ in range(count)], dtype=np.float64).reshape(shape)

    def axis(self, shape):
        return self.number(0, len(shape) - 1)

    def axes(self, shape):
        return tuple(i for i in range(len(shape)) if self.flag())

    def positions(self, shape, below):
        count = math.prod(shape)
        return np.array([self.number(-below, below - 1) for _ in range(count)], dtype=np.int64).reshape(shape)

    def mask(self, shape):
        count = math.prod(shape)
        return np.array([self.flag() for _ in range(count)], dtype=bool).reshape(shape)


def unary(f, low=-16, high=16):
    return lambda d: f(d.tensor(d.shape(), low, high))


def binary(f, low=-16, high=16):
    def case(d):
        shape = d.shape()
        a = d.tensor(d.stretched(shape))
        b = d.tensor(d.stretched(shape), low, high)
        return f(a, b)
    return case


def of_axis(f, least=0):
    def case(d):
        shape = d.shape(least, d.number(1, 4))
        axis = d.axis(shape)
        return f(d.tensor(shape), axis, d.flag())
    return case


def of_axes(f, least=0):
    def case(d):
        shape = d.shape(least)
        axes = d.axes(shape)
        return f(d.tensor(shape), axes, d.flag())
    return case


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_sum_exp(x, axes, keep):
    m = x.max(axis=axes, keepdims=True)
    y = np.log(np.exp(x - m).sum(axis=axes, keepdims=True)) + m
    return y if keep else y.sum(axis=axes)


def rows(f):
    return lambda d: f(d.tensor(d.shape(1, d.number(1, 3))))


def index(d, extent):
    kind = d.number(0, 4)
    if kind == 0:
        return d.number(-extent, extent - 1)
    if kind == 1:
        low = d.number(0, extent)
        return slice(low, d.number(low, extent))
    if kind == 2:
        return slice(None, None, -1 if d.flag() else 2)
    if kind == 3:
        return np.newaxis
    return slice(None)


def selecting(d):
    shape = d.shape(1, d.number(1, 4))
    indices, axis = [], 0
    while axis < len(shape) and len(indices) < 5:
        part = index(d, shape[axis])
        indices.append(part)
        if part is not np.newaxis:
            axis += 1
    return shape, tuple(indices)


def reading(d):
    shape, indices = selecting(d)
    return d.tensor(shape)[indices]


def writing(d):
    shape, indices = selecting(d)
    x = d.tensor(shape)
    x[indices] = d.tensor(d.stretched(list(x[indices].shape)))
    return x


def adding(d):
    shape = d.shape(1, d.number(1, 3))
    picks = d.positions(d.shape(1, d.number(1, 2)), shape[0])
    x = d.tensor(shape)
    np.add.at(x, picks, d.tensor(list(picks.shape) + shape[1:]))
    return x


def gathered(d):
    shape = d.shape(1, d.number(1, 3))
    axis = d.axis(shape)
    picks = d.positions(d.shape(0, d.number(0, 2)), shape[axis])
    return np.take(d.tensor(shape), picks, axis=axis)


def along(d):
    shape = d.shape(1, d.number(1, 4))
    axis = d.axis(shape)
    x = d.tensor(shape)
    wanted = list(shape)
    wanted[axis] = d.number(1, 4)
    return np.take_along_axis(x, d.positions(wanted, shape[axis]), axis=axis)


def two_index_tensors(d):
    shape = d.shape(1, 3)
    apart = d.flag()
    first = d.positions([d.number(1, 3), 1], shape[0])
    second = d.positions([d.number(1, 3)], shape[2 if apart else 1])
    x = d.tensor(shape)
    return x[first, :, second] if apart else x[first, second]


def masked(d):
    shape = d.shape(0, d.number(1, 4))
    mask = d.mask(shape[:d.number(1, len(shape))])
    return d.tensor(shape)[mask]


def where(d):
    shape = d.shape()
    mask = d.mask(d.stretched(shape))
    a = d.tensor(d.stretched(shape))
    return np.where(mask, a, d.tensor(d.stretched(shape)))


def joined(f):
    def case(d):
        shape = d.shape(0, d.number(1, 3))
        axis = d.axis(shape)
        return f([d.tensor(shape) for _ in range(d.number(1, 3))], axis)
    return case


def product(d):
    lead = d.shape(0, d.number(0, 2))
    m, k, n = d.number(0, 4), d.number(0, 4), d.number(1, 4)
    a = d.tensor(d.stretched(lead) + [m, k])
    return a @ d.tensor(d.stretched(lead) + [k, n])


def vector_product(d):
    lead = d.shape(0, d.number(0, 2))
    k, m = d.number(1, 4), d.number(1, 4)
    v = d.tensor([k])
    if d.flag():
        return v @ d.tensor(lead + [k, m])
    return d.tensor(lead + [m, k]) @ v


def einsum(equation):
    """Each letter has an extent, drawn in alphabetical order."""
    def case(d):
        extents = {c: d.number(1, 4) for c in sorted(set(c for c in equation if c.isalpha()))}
        terms = equation.split("->")[0].split(",")
        return np.einsum(equation, *[d.tensor([extents[c] for c in t]) for t in terms])
    return case


def moved(f):
    def case(d):
        shape = d.shape(0, d.number(1, 4))
        return f(d.tensor(shape), d)
    return case


def permutation(d, rank):
    keys = [d.number(0, 1_000_000) for _ in range(rank)]
    return sorted(range(rank), key=lambda i: (keys[i], i))


def linear(d):
    x = d.tensor(d.shape(0, d.number(0, 2)) + [3])
    w = d.tensor([d.number(1, 4), 3])
    return x @ w.T + d.tensor([w.shape[0]])


def layer_norm(d):
    x = d.tensor(d.shape(1, d.number(0, 2)) + [4])
    gain, bias = d.tensor([4]), d.tensor([4])
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gain + bias


def cross_entropy(d):
    x = d.tensor(d.shape(1, d.number(0, 2)) + [d.number(1, 4)])
    targets = d.positions(list(x.shape[:-1]), x.shape[-1]) % x.shape[-1]
    return log_sum_exp(x, (-1,), False) - np.take_along_axis(x, targets[..., None], -1)[..., 0]


def padded(x, d):
    axis = d.axis(x.shape)
    before, after = d.number(0, 2), d.number(0, 2)
    return np.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])


def top(x, axis, keep):
    count = min(2, x.shape[axis])
    return np.flip(np.sort(x, axis=axis, kind="stable"), axis).take(range(count), axis=axis)


def argsort(x, axis, descending):
    return np.argsort(-x if descending else x, axis=axis, kind="stable")


erf = np.vectorize(math.erf, otypes=[np.float64])

OPERATORS = [
    ("+", binary(np.add)), ("-", binary(np.subtract)), ("*", binary(np.multiply)),
    ("/", binary(np.divide, 4, 24)), ("numbers", unary(lambda x: 2 / (3 - (0.5 * x - 1) / 4))),
    ("maximum", binary(np.maximum)), ("minimum", binary(np.minimum)),
    ("pow", lambda d: binary(lambda a, b: np.power(b, a), 4, 24)(d)),
    ("pow number", unary(lambda x: np.power(x, 1.5), 1, 24)), ("atan2", binary(np.arctan2)),
    ("less", binary(np.less)), ("less equal", binary(np.less_equal)),
    ("greater", binary(np.greater)), ("greater equal", binary(np.greater_equal)),
    ("equal", binary(np.equal)), ("not equal", binary(np.not_equal)), ("where", where),
    ("exp", unary(np.exp)), ("log", unary(np.log, 1, 32)), ("sqrt", unary(np.sqrt, 0, 32)),
    ("tanh", unary(np.tanh)), ("sigmoid", unary(lambda x: 1 / (1 + np.exp(-x)))),
    ("relu", unary(lambda x: np.maximum(x, 0))), ("sin", unary(np.sin)), ("cos", unary(np.cos)),
    ("tan", unary(np.tan, -8, 8)), ("asin", unary(np.arcsin, -8, 8)),
    ("acos", unary(np.arccos, -8, 8)), ("atan", unary(np.arctan)), ("sinh", unary(np.sinh)),
    ("cosh", unary(np.cosh)), ("asinh", unary(np.arcsinh)), ("acosh", unary(np.arccosh, 8, 32)),
    ("atanh", unary(np.arctanh, -7, 7)), ("expm1", unary(np.expm1)),
    ("log1p", unary(np.log1p, -7, 24)), ("exp2", unary(np.exp2)), ("log2", unary(np.log2, 1, 32)),
    ("log10", unary(np.log10, 1, 32)), ("erf", unary(lambda x: erf(x) if x.size else x)),
    ("reciprocal", unary(lambda x: 1 / x, 1, 16)), ("rsqrt", unary(lambda x: 1 / np.sqrt(x), 1, 16)),
    ("softplus", unary(lambda x: np.logaddexp(x, 0))), ("square", unary(np.square)),
    ("abs", unary(np.abs)), ("sign", unary(np.sign)), ("floor", unary(np.floor)),
    ("ceil", unary(np.ceil)), ("trunc", unary(np.trunc)), ("round", unary(np.round)),
    ("clamped", unary(lambda x: np.clip(x, -0.5, 1))), ("negative", unary(np.negative)),
    ("sum", of_axes(lambda x, a, k: x.sum(axis=a, keepdims=k))),
    ("sum axis", of_axis(lambda x, a, k: x.sum(axis=a, keepdims=k))),
    ("mean", of_axes(lambda x, a, k: x.mean(axis=a, keepdims=k), 1)),
    ("variance", of_axes(lambda x, a, k: x.var(axis=a, keepdims=k), 1)),
    ("standard deviation", of_axis(lambda x, a, k: x.std(axis=a, keepdims=k), 1)),
    ("max", of_axes(lambda x, a, k: x.max(axis=a, keepdims=k), 1)),
    ("min axis", of_axis(lambda x, a, k: x.min(axis=a, keepdims=k), 1)),
    ("argmax", of_axis(lambda x, a, k: x.argmax(axis=a, keepdims=k), 1)),
    ("argmin", of_axis(lambda x, a, k: x.argmin(axis=a, keepdims=k), 1)),
    ("logSumExp", of_axes(log_sum_exp, 1)), ("product", of_axis(lambda x, a, k: x.prod(axis=a, keepdims=k))),
    ("cumulativeSum", of_axis(lambda x, a, r: np.flip(np.flip(x, a).cumsum(a), a) if r else x.cumsum(a))),
    ("sorted", of_axis(lambda x, a, r: np.flip(np.sort(x, a), a) if r else np.sort(x, a))),
    ("argsort", of_axis(argsort)), ("topK", of_axis(top, 1)),
    ("softmax", rows(softmax)), ("logSoftmax", rows(lambda x: np.log(softmax(x)))),
    ("subscript", reading), ("updating", writing), ("adding", adding), ("gathered", gathered),
    ("elements", along), ("two index tensors", two_index_tensors), ("mask", masked),
    ("concatenated", joined(np.concatenate)), ("stacked", joined(np.stack)),
    ("matmul", product), ("matmul vector", vector_product), ("linear", linear),
    ("layerNorm", layer_norm), ("crossEntropy", cross_entropy),
    ("einsum product", einsum("bij,jk->bki")), ("einsum trace", einsum("iji->j")),
    ("einsum elementwise", einsum("ij,ji->ij")), ("einsum outer", einsum("i,jk->kij")),
    ("einsum implicit", einsum("ab,bc,cd")), ("einsum sum", einsum("abc,bd->")),
    ("reshaped", moved(lambda x, d: x.reshape(-1, 1))),
    ("permuted", moved(lambda x, d: x.transpose(permutation(d, x.ndim)))),
    ("swappedAxes", moved(lambda x, d: x.swapaxes(d.axis(x.shape), d.axis(x.shape)))),
    ("movedAxis", moved(lambda x, d: np.moveaxis(x, d.axis(x.shape), d.axis(x.shape)))),
    ("expandedDimensions", moved(lambda x, d: np.expand_dims(x, d.number(-x.ndim - 1, x.ndim)))),
    ("squeezed", moved(lambda x, d: x.squeeze())),
    ("flipped", moved(lambda x, d: np.flip(x, d.axis(x.shape)))),
    ("rolled", moved(lambda x, d: np.roll(x, d.number(-5, 5), d.axis(x.shape)))),
    ("repeated", moved(lambda x, d: x.repeat(d.number(0, 3), d.axis(x.shape)))),
    ("tiled", moved(lambda x, d: np.tile(x, [d.number(0, 2) for _ in range(d.number(1, 4))]))),
    ("broadcast", moved(lambda x, d: np.broadcast_to(x, [2] + list(x.shape)))),
    ("padded", moved(padded)),
    ("lowerTriangle", lambda d: np.tril(d.tensor(d.shape(0, d.number(2, 3))), d.number(-2, 2))),
    ("upperTriangle", lambda d: np.triu(d.tensor(d.shape(0, d.number(2, 3))), d.number(-2, 2))),
    ("diagonal", lambda d: (lambda n: np.diagonal(d.tensor([n, d.number(0, 3), n]), axis1=0, axis2=2))(d.number(1, 4))),
    ("split", lambda d: (lambda s: (lambda p: p[1] - p[0])(np.split(d.tensor([2 * s[0]] + s[1:]), 2)))(d.shape(0, d.number(1, 3)))),
]


def main():
    out = bytearray()
    for case in range(CASES):
        draw = Draw(case)
        draw.flag()  # float32 or float64
        result = np.asarray(OPERATORS[case % len(OPERATORS)][1](draw), dtype=np.float64)
        code = 1
        for extent in result.shape:
            code = code * 512 + extent
        weights = Draw(case + CASES)
        terms = [(weights.number(-32, 32) / 32) * float(y) for y in result.reshape(-1)]
        assert code < 1 << 64 and all(map(math.isfinite, terms)), OPERATORS[case % len(OPERATORS)][0]
        out += struct.pack("<Qdf", code, math.fsum(terms), math.fsum(map(abs, terms)))
    pathlib.Path(__file__).with_name("numpy_answers.bin").write_bytes(out)


main()
