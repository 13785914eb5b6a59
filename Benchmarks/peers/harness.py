"""What every peer's script shares: reading what ours wrote, comparing, and timed rounds on demand.

A script is started with --exchange FILE, a safetensors file in which our program left inputs
("in."), parameters ("param.") and results ("out."). It prints one JSON line with its largest
relative difference from our results, then one line of seconds for every line "round" it is sent.
"""

import argparse
import json
import sys
import time

import numpy as np
from safetensors import safe_open


def arguments(**options):
    parser = argparse.ArgumentParser()
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--threads", type=int, default=0)
    for name, default in options.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    return parser.parse_args()


class Exchange:
    """The tensors that our program wrote, by group, as numpy arrays; and its settings."""

    def __init__(self, path):
        with safe_open(path, "np") as file:
            self.tensors = {name: file.get_tensor(name) for name in file.keys()}
            self.settings = {k: json.loads(v) for k, v in (file.metadata() or {}).items()}

    def group(self, prefix):
        return {k[len(prefix) + 1 :]: v for k, v in self.tensors.items() if k.startswith(prefix + ".")}

    def differences(self, results):
        """max |theirs - ours| / max |ours| for each result under its name.

        A gradient that vanishes by symmetry is all rounding; what counts is its size beside the
        largest gradient, so the divisor is at least a thousandth of that one's.
        """
        ours, found = self.group("out"), {}
        largest = max(
            [np.abs(v).max() for k, v in ours.items() if k.startswith("grad.")], default=0.0)
        for name, value in results.items():
            mine = ours[name].astype(np.float64).reshape(-1)
            theirs = np.asarray(value, dtype=np.float64).reshape(-1)
            assert mine.shape == theirs.shape, f"{name}: {mine.shape} and {theirs.shape}"
            scale = max(np.abs(mine).max(), 1e-3 * largest if name.startswith("grad.") else 1e-30)
            found[name] = float(np.abs(theirs - mine).max() / scale)
        missing = set(ours) - set(results)
        assert not missing, f"not compared: {sorted(missing)}"
        return found


def peak_memory():
    """The process's largest resident memory in bytes."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024


def seconds_of_a_round(run):
    """The mean over as many calls as take 20 ms: short work is not timed from cold caches."""
    start, calls = time.perf_counter(), 0
    while True:
        run()
        calls += 1
        elapsed = time.perf_counter() - start
        if elapsed >= 0.02:
            return elapsed / calls


def serve(differences, run, versions, **facts):
    worst = max(differences, key=differences.get)
    ready = {"difference": differences[worst], "worst": worst, "versions": versions, **facts}
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command == "round":
            print(json.dumps({"seconds": seconds_of_a_round(run)}), flush=True)
        elif command == "memory":
            print(json.dumps({"bytes": peak_memory()}), flush=True)
