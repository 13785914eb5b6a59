"""What the five programs share: numbers that are the same in both languages, and the clock."""

import argparse
import json
import sys
import time

import torch

torch.set_default_dtype(torch.float64)


def numbers(seed, *shape):
    """Numbers in [-1, 1) by a linear congruential generator, the same to the last bit in Swift."""
    count, state, values = torch.Size(shape).numel(), seed, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        values.append(state / 2**31 - 1)
    return torch.tensor(values).reshape(shape)


def report(work):
    """Does the work, from the start, and prints the time and the results.

    Asked to serve: a round for each line of input, after one that warms up.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.serve:
        work()
    for _ in sys.stdin if options.serve else [None]:
        start = time.perf_counter()
        results = work()
        seconds = time.perf_counter() - start
        numbers = {name: float(value) for name, value in results.items()}
        print(json.dumps({"seconds": seconds, "results": numbers}), flush=True)
