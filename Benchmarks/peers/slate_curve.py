"""Learning curves of SLATE in PyTorch, beside which those of `slate train` can be put.

    slate train --config curve.json --data scenes --steps 0 --seed 0 --out starts/0
    slate_curve.py starts/0 starts/1 starts/2 --data scenes --steps 2000 --at 250 500 1000 2000

Each run given is one of no steps: its configuration and its initial weights are where training begins,
and all else (order of the images, noise, dropout, optimiser, schedules, validation) is PyTorch's. The
model is that of slate_torch.py, whose losses and gradients Benchmarks/run.py compares with ours. Prints
the validation cross-entropy as a table; `slate table --at` prints that of our runs.
"""

import argparse
import json
import math
import pathlib
import statistics
import time

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from slate_torch import SLATE


def settings(run):
    """The run's configuration, which must ask for nothing that is not done here."""
    s = json.loads((run / "config.json").read_text())
    supported = {
        "gradient": ("implicit", "unrolled"), "solver": ("iteration",), "tolerance": (0,),
        "num_slot_heads": (1,), "slot_init": ("random",), "straight_through": (False,),
        "last_is_differentiated": (False,), "accumulate": (1,), "patience": (0,), "hard": (False,),
    }
    for name, values in supported.items():
        if s[name] not in values:
            raise SystemExit(f"{run}: {name} is {s[name]}; here it can be {', '.join(map(str, values))}")
    s["implicit"] = s["gradient"] == "implicit"
    return s


def images(folder, size):
    """The three parts of a folder of images, 70-15-15 in the order of their paths, as numbers."""
    root = pathlib.Path(folder)
    inner = root / "images"
    paths = sorted(
        p for p in (inner if inner.is_dir() else root).rglob("*")
        if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not paths:
        raise SystemExit(f"{folder}: there are no images")
    pixels = np.stack([
        np.asarray(Image.open(p).convert("RGB").resize((size, size), Image.BICUBIC)) for p in paths])
    whole = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    first, second = int(0.7 * len(paths)), int(0.85 * len(paths))
    return whole[:first], whole[first:second]


def loaded(run, s):
    model = SLATE(s)
    weights = load_file(run / "checkpoint.safetensors")
    model.load_state_dict({k: v for k, v in weights.items() if not k.startswith("optimizer.")})
    return model


def temperature(s, step):
    if step >= s["tau_steps"]:
        return s["tau_final"]
    middle, half = (s["tau_start"] + s["tau_final"]) / 2, (s["tau_start"] - s["tau_final"]) / 2
    return middle + half * math.cos(math.pi * step / s["tau_steps"])


@torch.no_grad()
def validation(model, s, pictures, step):
    """Mean losses over the first validation images, with the same noise each time."""
    model.eval()
    state = torch.get_rng_state()
    torch.manual_seed(s["seed"] + 1)
    parts = pictures[: s["val_images"]].split(32)
    sums = np.zeros(2)
    for part in parts:
        mse, entropy = model(part, temperature(s, step))
        sums += len(part) * np.array([mse.item(), entropy.item()])
    torch.set_rng_state(state)
    model.train()
    return sums / sum(map(len, parts))


def curve(run, options):
    s = settings(run)
    model = loaded(run, s)
    training, held = images(options.data, s["image_size"])
    torch.manual_seed(s["seed"])
    names = dict(model.named_parameters())
    optimizer = torch.optim.Adam([
        {"params": [p for n, p in names.items() if n.startswith("dvae.")], "lr": s["lr_dvae"]},
        {"params": [p for n, p in names.items() if not n.startswith("dvae.")]}], lr=s["lr_main"])
    result = {0: validation(model, s, held, 0)}
    start, order = time.perf_counter(), torch.empty(0, dtype=torch.long)
    for step in range(max(options.at)):
        if len(order) < s["batch_size"]:
            order = torch.randperm(len(training))
        batch, order = training[order[: s["batch_size"]]], order[s["batch_size"] :]
        warmup = min(1, (step + 1) / s["lr_warmup_steps"]) if s["lr_warmup_steps"] else 1
        optimizer.param_groups[1]["lr"] = s["lr_main"] * warmup
        mse, entropy = model(batch, temperature(s, step))
        optimizer.zero_grad()
        (mse + entropy).backward()
        if s["clip"] > 0:
            nn.utils.clip_grad_norm_(model.parameters(), s["clip"], "inf")
        optimizer.step()
        if step + 1 in options.at:
            result[step + 1] = validation(model, s, held, step + 1)
            seconds = (time.perf_counter() - start) / (step + 1)
            print(
                f"{run}: step {step + 1}, cross-entropy {result[step + 1][1]:.2f}, mse "
                f"{result[step + 1][0]:.2f}, {1000 * seconds:.0f} ms a step", flush=True)
    return result


def table(curves, part):
    def text(values):
        deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.1f}{deviation}"

    rows = [["step", *(run.name for run in curves), "mean"], ["---:"] * (len(curves) + 2)]
    for step in next(iter(curves.values())):
        values = [c[step][part] for c in curves.values()]
        rows.append([str(step), *(f"{v:.1f}" for v in values), text(values)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=pathlib.Path, help="runs of no steps, one a seed")
    parser.add_argument("--data", required=True, help="a folder of images")
    parser.add_argument("--at", nargs="+", type=int, default=[250, 500, 1000, 2000])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="where to write the curves")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    curves = {run: curve(run, options) for run in options.runs}
    print(f"\nvalidation cross-entropy, torch {torch.__version__}\n\n{table(curves, 1)}")
    print(f"\nvalidation mse\n\n{table(curves, 0)}")
    if options.json:
        options.json.write_text(json.dumps({
            str(run): [{"step": s, "mse": m, "cross_entropy": e} for s, (m, e) in c.items()]
            for run, c in curves.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
