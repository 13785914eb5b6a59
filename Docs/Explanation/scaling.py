#!/usr/bin/env python3
"""Prints how fast ranks train, from a measured step and a stated network.

  scaling.py --image 0.15 --update 0.05 --bytes 40e6 --batch 50 --cores 16

The model: a step of N nodes lasts
  ceil(batch / (N cores)) image + update + 2 (N - 1) / N bytes / rate + 2 log2(N) latency
where image is the time of one core for one image, update that of the optimiser's step, and the last two
terms are the sum of the gradients by halving and doubling: each node sends and receives nearly twice the
gradient, in 2 log2(N) messages.
"""
import argparse
import math

parser = argparse.ArgumentParser()
parser.add_argument("--image", type=float, required=True, help="seconds of one core for an image")
parser.add_argument("--update", type=float, required=True, help="seconds of the optimiser's step")
parser.add_argument("--bytes", type=float, required=True, help="bytes of the gradient")
parser.add_argument("--batch", type=int, default=50, help="images in a batch")
parser.add_argument("--cores", type=int, default=16, help="cores of a node")
parser.add_argument("--nodes", type=int, nargs="*", default=[1, 4, 16, 64])
given = parser.parse_args()

networks = [("1 Gbit/s", 1e9 / 8, 50e-6), ("10 Gbit/s", 1e10 / 8, 20e-6), ("100 Gbit/s", 1e11 / 8, 2e-6)]


def step(nodes, rate, latency):
    compute = math.ceil(given.batch / (nodes * given.cores)) * given.image + given.update
    if nodes == 1:
        return compute
    sum_of_gradients = 2 * (nodes - 1) / nodes * given.bytes / rate + 2 * math.log2(nodes) * latency
    return compute + sum_of_gradients


print("| nodes | " + " | ".join(name for name, _, _ in networks) + " |")
print("| --- |" + " --- |" * len(networks))
for nodes in given.nodes:
    cells = []
    for _, rate, latency in networks:
        time = step(nodes, rate, latency)
        cells.append(f"{1000 * time:.0f} ms, {step(1, rate, latency) / time:.1f} x")
    print(f"| {nodes} | " + " | ".join(cells) + " |")
