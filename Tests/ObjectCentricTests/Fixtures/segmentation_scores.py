"""Prints the scores that SegmentationScoresTests expects, by definitions and by SciPy."""

from itertools import combinations

import numpy as np
from scipy.optimize import linear_sum_assignment


def rand_index(a, b):
    """ARI from the numbers of pairs that are together in both, in one, in none."""
    pairs = list(combinations(range(len(a)), 2))
    both = sum(a[i] == a[j] and b[i] == b[j] for i, j in pairs)
    first = sum(a[i] == a[j] for i, j in pairs)
    second = sum(b[i] == b[j] for i, j in pairs)
    expected = first * second / len(pairs)
    return (both - expected) / ((first + second) / 2 - expected)


def scores(predicted, truth):
    p, t = predicted.ravel(), truth.ravel()
    foreground = t != 0
    overlap = np.array(
        [
            [np.sum((p == j) & (t == i)) / np.sum((p == j) | (t == i)) for j in np.unique(p)]
            for i in np.unique(t)
        ]
    )
    rows, columns = linear_sum_assignment(-overlap)
    matched = np.zeros(len(overlap))
    matched[rows] = overlap[rows, columns]
    objects = np.unique(t) != 0
    return (
        rand_index(p, t),
        rand_index(p[foreground], t[foreground]),
        matched[objects].mean(),
        overlap.max(1)[objects].mean(),
    )


y, x = np.mgrid[0:9, 0:11]
truth = np.where(x + y < 5, 1, np.where(x > 7, 2, np.where((y > 5) & (x > 2), 3, 0)))
print(*scores((x // 3 + 2 * (y // 5)) % 5, truth))
print(*scores(np.where(x + y < 7, 4, np.where(x > 6, 7, 2)), truth))
for rows, columns, step in [(4, 4, 7), (3, 6, 5), (6, 3, 11), (1, 5, 3), (8, 8, 29)]:
    w = ((np.arange(rows * columns) * step + 3) ** 2 % 31).reshape(rows, columns) / 31
    i, j = linear_sum_assignment(-w)
    print(rows, columns, step, w[i, j].sum() * 31)
