"""The published root problems by scipy.optimize.root: hybr, krylov, anderson, broyden1.

Reads the records of `PublishedTable --roots` from standard input and writes, as JSON, for each the
largest difference of F from ours and what every method makes of it. The equations are written here
once more, so that both sides check each other. A method has solved a problem as soon as it evaluates
F anywhere at a point with |F| <= TOLERANCE, within LIMIT evaluations, those for differences included.
"""

import json
import sys
import warnings

import numpy as np
import scipy
from scipy.optimize import root

TOLERANCE, LIMIT = 1e-8, 1000
METHODS = {
    "hybr": {"options": {"xtol": 1e-15, "maxfev": 10 * LIMIT}},
    "krylov": {"options": {"maxiter": LIMIT, "fatol": 1e-14, "xtol": 1e-15}},
    "anderson": {"options": {"maxiter": LIMIT, "fatol": 1e-14, "xtol": 1e-15}},
    "broyden1": {"options": {"maxiter": LIMIT, "fatol": 1e-14, "xtol": 1e-15}},
}


def rosenbrock(z):
    return np.array([10 * (z[1] - z[0] ** 2), 1 - z[0]])


def powell_singular(z):
    a, b, c, d = z
    return np.array([a + 10 * b, 5**0.5 * (c - d), (b - 2 * c) ** 2, 10**0.5 * (a - d) ** 2])


def powell_badly_scaled(z):
    return np.array([1e4 * z[0] * z[1] - 1, np.exp(-z[0]) + np.exp(-z[1]) - 1.0001])


def wood(z):
    a, b, c, d = z
    p, q = b - a**2, d - c**2
    return np.array([
        -200 * a * p - (1 - a), 200 * p + 20.2 * (b - 1) + 19.8 * (d - 1),
        -180 * c * q - (1 - c), 180 * q + 20.2 * (d - 1) + 19.8 * (b - 1)])


def helical_valley(z):
    turns = np.arctan2(z[1], z[0]) / (2 * np.pi)
    if turns < -0.25:
        turns += 1
    return np.array([10 * (z[2] - 10 * turns), 10 * (np.hypot(z[0], z[1]) - 1), z[2]])


def watson(z):
    t = np.arange(1, 30)[:, None] / 29
    k = np.arange(len(z))
    powers = t**k
    derivatives = np.hstack([np.zeros((29, 1)), k[1:] * t ** (k[1:] - 1)])
    sums = powers @ z
    residuals = derivatives @ z - sums**2 - 1
    gradient = derivatives.T @ residuals - powers.T @ (2 * residuals * sums)
    last = z[1] - z[0] ** 2 - 1
    gradient[0] += z[0] * (1 - 2 * last)
    gradient[1] += last
    return gradient


def chebyquad(z):
    values = np.polynomial.chebyshev.chebvander(2 * z - 1, len(z))[:, 1:]
    k = np.arange(1, len(z) + 1)
    integrals = np.where(k % 2 == 0, -1 / (k.astype(float) ** 2 - 1 + (k == 1)), 0)
    return values.mean(axis=0) - integrals


def brown(z):
    values = z + z.sum() - (len(z) + 1)
    values[-1] = np.prod(z) - 1
    return values


def boundary_value(z):
    n = len(z)
    h = 1 / (n + 1)
    u = np.concatenate([[0], z, [0]])
    t = h * np.arange(1, n + 1)
    return 2 * z - u[:-2] - u[2:] + h**2 / 2 * (z + t + 1) ** 3


def integral_equation(z):
    n = len(z)
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    w = (z + t + 1) ** 3
    inner = np.cumsum(t * w)
    outer = np.sum((1 - t) * w) - np.cumsum((1 - t) * w)
    return z + h / 2 * ((1 - t) * inner + t * outer)


def trigonometric(z):
    n = len(z)
    return n - np.cos(z).sum() + np.arange(1, n + 1) * (1 - np.cos(z)) - np.sin(z)


def variably_dimensioned(z):
    index = np.arange(1, len(z) + 1)
    total = index @ (z - 1)
    return z - 1 + index * total * (1 + 2 * total**2)


def tridiagonal(z):
    u = np.concatenate([[0], z, [0]])
    return (3 - 2 * z) * z - u[:-2] - 2 * u[2:] + 1


def banded(z):
    n = len(z)
    parts = [sum(z[j] * (1 + z[j]) for j in range(max(0, i - 5), min(n, i + 2)) if j != i)
             for i in range(n)]
    return z * (2 + 5 * z**2) + 1 - np.array(parts)


def hammarling(z):
    n = int(round(len(z) ** 0.5))
    square = 1e-4 * np.eye(n)
    square[0, 1] = 1
    x = z.reshape(n, n)
    return (x @ x - square).reshape(-1)


def dennis_schnabel(z):
    return np.array([z.sum() - 3, (z**2).sum() - 9])


def exponentials(z):
    x, y = z
    return np.array([y**2 * (1 - np.exp(-(x**2))) / x, x * (1 - np.exp(-(y**2))) / y])


def singular_cubic(z):
    return z * (z**2).sum()


def freudenstein_roth(z):
    x, y = z
    return np.array([x - 13 + ((5 - y) * y - 2) * y, x - 29 + ((y + 1) * y - 14) * y])


def boggs(z):
    return np.array([z[0] ** 2 - z[1] + 1, z[0] - np.cos(np.pi / 2 * z[1])])


def chandrasekhar(z):
    n = len(z)
    node = (np.arange(n) + 0.5) / n
    kernel = 0.9 / 2 / n * node[:, None] / (node[:, None] + node)
    return z - 1 / (1 - kernel @ z)


def nash(z):
    i = np.arange(len(z))
    total = z.sum()
    price = (5000 / total) ** (1 / 1.1)
    marginal = 10 - i + (z / 5) ** (1 / (1.2 - 0.05 * i))
    return marginal - price * (1 - z / total / 1.1)


def himmelblau(z):
    return np.array([z[0] ** 2 + z[1] - 11, z[0] + z[1] ** 2 - 7])


EQUATIONS = {
    "Rosenbrock": rosenbrock, "Powell, singular": powell_singular,
    "Powell, badly scaled": powell_badly_scaled, "Wood": wood, "helical valley": helical_valley,
    "Watson": watson, "Watson 9": watson, "Chebyquad 5": chebyquad, "Chebyquad 6": chebyquad,
    "Chebyquad 7": chebyquad, "Chebyquad 9": chebyquad, "Brown, almost linear": brown,
    "Brown, almost linear, 30": brown, "Brown, almost linear, 40": brown,
    "discrete boundary value": boundary_value, "discrete integral equation": integral_equation,
    "trigonometric": trigonometric, "variably dimensioned": variably_dimensioned,
    "Broyden, tridiagonal": tridiagonal, "Broyden, banded": banded,
    "Hammarling 2 x 2": hammarling, "Hammarling 3 x 3": hammarling,
    "Dennis and Schnabel": dennis_schnabel, "two products of exponentials": exponentials,
    "cubic with a singular root": singular_cubic, "x (x - 5)^2": lambda z: z * (z - 5) ** 2,
    "Freudenstein and Roth": freudenstein_roth, "Boggs": boggs,
    "Chandrasekhar's H, c = .9": chandrasekhar, "Nash game of nine firms": nash,
    "fifth root of unity, scaled": lambda z: 100 * (z**5 - 1),
    "third root of unity": lambda z: z**3 - 1, "Himmelblau": himmelblau,
}


class Ended(Exception):
    pass


class Counted:
    """F, which counts, and ends the solve where it is small enough or was evaluated too often."""

    def __init__(self, equations):
        self.equations, self.evaluations, self.least = equations, 0, np.inf

    def __call__(self, z):
        if self.evaluations == LIMIT:
            raise Ended
        self.evaluations += 1
        values = self.equations(np.asarray(z, dtype=float))
        norm = np.linalg.norm(values)
        if norm < self.least:
            self.least = norm
        if norm <= TOLERANCE:
            raise Ended
        return values


def attempt(method, equations, start):
    counted = Counted(equations)
    message = "gave up"
    try:
        found = root(counted, start, method=method, **METHODS[method])
        message = "claims success" if found.success else "gave up"
    except Ended:
        message = "limit" if counted.evaluations == LIMIT else "solved"
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        message = type(error).__name__
    return {"isSolved": bool(counted.least <= TOLERANCE), "evaluations": counted.evaluations,
            "residual": float(counted.least) if np.isfinite(counted.least) else None,
            "outcome": message}


def difference(equations, point, ours):
    ours = np.array(ours)
    return float(np.abs(equations(np.array(point)) - ours).max() / (1 + np.abs(ours).max()))


def main():
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    found = {}
    for record in json.load(sys.stdin):
        equations = EQUATIONS[record["name"]]
        start = np.array(record["start"])
        found[record["name"]] = {
            "difference": max(difference(equations, record["start"], record["valueAtStart"]),
                              difference(equations, record["neighbour"], record["valueAtNeighbour"])),
            "results": {method: attempt(method, equations, start) for method in METHODS}}
    json.dump({"version": scipy.__version__, "problems": found}, sys.stdout)


if __name__ == "__main__":
    main()
