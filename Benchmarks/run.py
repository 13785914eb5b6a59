#!/usr/bin/env python3
"""Compares this library with its peers on this machine and writes RESULTS.md.

    Benchmarks/run.py [--only CASE ...] [--rounds N] [--output FILE]

Needs Swift and Python 3 with venv; the peers are installed into a virtual environment outside the
repository: $BENCHMARK_ENVIRONMENT, or swift-implicit-layers/peers in the user's cache. Ours and
theirs are separate processes that wait for their turn: rounds alternate, so that what else the
machine does falls on all of them; the results of a round are compared before any is timed.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
environment = pathlib.Path(
    os.environ.get("BENCHMARK_ENVIRONMENT", cache / "swift-implicit-layers" / "peers"))
cores = len(os.sched_getaffinity(0))


class Comparison:
    """A case of ours, the peers that do the same, and the targets for the ratio ours / peer."""

    def __init__(self, case, title, peers, rounds=15, tolerance=1e-3, options=()):
        self.case, self.title, self.peers, self.rounds = case, title, peers, rounds
        self.tolerance, self.options = tolerance, list(options)


class Peer:
    def __init__(self, name, command, target=None):
        self.name, self.command, self.target = name, command.split(), target


def torch_peers(script, target, compiled=True, extra=""):
    """PyTorch at each thread count that may be its best, and compiled at the machine's."""
    counts = sorted({1, cores})
    peers = [Peer(f"PyTorch, {n} thread{'s' * (n > 1)}", f"{script} {extra} --threads {n}", target)
             for n in counts]
    if compiled:
        peers.append(Peer("torch.compile", f"{script} {extra} --threads {cores} --compile 1"))
    return peers


def slots(script_target, jax_target):
    return torch_peers("slot_attention_torch.py", script_target) + [
        Peer("JAX jit", "slot_attention_jax.py", jax_target)]


def comparisons(images):
    def anderson(torch_target, jax_target):
        return [Peer("TorchDEQ", "tanh_equilibrium_torchdeq.py --threads 1", torch_target),
                Peer("JAXopt", "tanh_equilibrium_jax.py --solver jaxopt-anderson", jax_target)]

    def picard(target):
        return [Peer("JAXopt", "tanh_equilibrium_jax.py --solver jaxopt-picard", target),
                Peer("Optimistix", "tanh_equilibrium_jax.py --solver optimistix-picard", target)]

    return [
        Comparison("slate-8", "SLATE training step, 64x64, batch 8",
                   torch_peers("slate_torch.py", 0.40), rounds=11),
        Comparison("slate-32", "SLATE training step, 64x64, batch 32",
                   torch_peers("slate_torch.py", 0.33), rounds=7),
        # A step of PyTorch takes ten seconds: its better number of threads alone.
        Comparison("slate-paper", "SLATE training step, 64x64, the paper's size, batch 50",
                   [Peer(f"PyTorch, {cores} threads", f"slate_torch.py --threads {cores}", 0.35)],
                   rounds=3),
        Comparison("slots-64", "slot attention, K 7, D 64, 3 iterations, unrolled",
                   slots(0.12, 0.35), rounds=41),
        Comparison("slots-192", "slot attention, K 6, D 192, 3 iterations, unrolled",
                   slots(0.25, 0.45), rounds=31),
        Comparison("slots-64-implicit7", "slot attention, K 7, D 64, 7 iterations, implicit",
                   slots(1, 1), rounds=41),
        Comparison("slots-192-implicit7", "slot attention, K 6, D 192, 7 iterations, implicit",
                   slots(1, 1), rounds=31),
        Comparison("tanh-256", "tanh equilibrium, n 256, batch 64, Anderson to 1e-5",
                   anderson(0.2, 0.7), rounds=41),
        Comparison("tanh-256-picard", "tanh equilibrium, n 256, batch 64, Picard to 1e-5",
                   picard(0.7), rounds=41),
        Comparison("tanh-16", "tanh equilibrium, n 16, batch 1, Anderson to 1e-5",
                   anderson(0.02, 0.3), rounds=101),
        Comparison("tanh-16-picard", "tanh equilibrium, n 16, batch 1, Picard to 1e-5", picard(0.3),
                   rounds=101),
        Comparison("tanh-256-gradient", "tanh equilibrium, n 256, batch 64: gradient by GMRES to 1e-5",
                   [Peer("Optimistix", "tanh_curvature_jax.py --order 1", 1)], rounds=31),
        Comparison("tanh-256-hessian", "tanh equilibrium, n 256, batch 64: Hessian-vector product",
                   [Peer("Optimistix", "tanh_curvature_jax.py --order 2", 1)], rounds=31),
        Comparison("kepler-10000", "Kepler's equation, batch 10,000, each orbit to 1e-5, Picard",
                   [Peer("JAXopt", "kepler_jax.py --solver jaxopt", 0.2),
                    Peer("Optimistix", "kepler_jax.py --solver optimistix", 0.2)], rounds=31),
        Comparison("exact-512", "exact adjoint, n 512, batch 8",
                   torch_peers("exact_adjoint_torch.py", 0.45, compiled=False), rounds=11),
        Comparison("reconstruction", "autoregressive reconstruction, 8 images",
                   torch_peers("slate_torch.py", 0.015, compiled=False, extra="--work reconstruct"),
                   rounds=3),
        *[Comparison("decoding", f"decoding and resizing, {what}",
                     [Peer("Pillow, DataLoader of 2", "decoding_pillow.py --workers 2", 0.8)],
                     rounds=7, tolerance=1e-6, options=["--folder", str(images / folder)])
          for folder, what in [("png", "800 PNG of 64x64"), ("jpg", "240 JPEG of 640x480")]],
    ]


class Contestant:
    """A process that does a round of work when it is asked to."""

    def __init__(self, name, command, target=None):
        self.name, self.target, self.times = name, target, []
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=here / "peers")
        self.ready = self.answer()

    def answer(self):
        for line in self.process.stdout:
            if line.startswith("{"):  # libraries may talk too
                return json.loads(line)
        self.error = (self.process.stderr.read().strip().splitlines() or ["no output"])[-1]
        return None

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def median(self):
        return statistics.median(self.times)


def build():
    subprocess.run(
        ["swift", "build", "-c", "release", "--package-path", here], check=True, stdout=sys.stderr)
    return here / ".build" / "release" / "benchmarks"


def prepare_peers():
    python = environment / "bin" / "python"
    requirements = here / "peers" / "requirements.txt"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    versions = "import importlib.metadata, sys; [importlib.metadata.version(n) for n in sys.argv[1:]]"
    found = subprocess.run(
        [python, "-c", versions, *requirements.read_text().split()], stderr=subprocess.DEVNULL)
    if found.returncode != 0:
        print(f"installing the peers into {environment}", file=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True)
    return python


def compare(comparison, program, python, folder, rounds, without):
    exchange = folder / "exchange.safetensors"
    ours = Contestant(
        "ours",
        [program, comparison.case, "--exchange", exchange, *comparison.options])
    if ours.ready is None:
        sys.exit(f"{comparison.case}: our program failed: {ours.error}")
    contestants, remarks, versions = [ours], [], {}
    for peer in comparison.peers:
        if peer.name in without:
            continue
        print(f"{comparison.case}: {peer.name}", file=sys.stderr)
        contestant = Contestant(
            peer.name, [python, *peer.command, "--exchange", exchange], peer.target)
        if contestant.ready is None:
            remarks.append(f"{peer.name} did not run: {contestant.error}")
        elif contestant.ready["difference"] > comparison.tolerance:
            remarks.append(
                f"{peer.name} is not timed: its {contestant.ready['worst']} differs by "
                f"{contestant.ready['difference']:.1e}")
            contestant.close()
        else:
            contestants.append(contestant)
            versions |= contestant.ready["versions"]
    for _ in range(rounds or comparison.rounds):
        for contestant in contestants:
            contestant.times.append(contestant.ask("round")["seconds"])
            time.sleep(0.02)  # threads that spin after their work come to rest
    result = {
        "case": comparison.case, "title": comparison.title, "remarks": remarks,
        "versions": versions, "ours": ours.median, "times": {c.name: c.times for c in contestants},
        "memory": {c.name: c.ask("memory")["bytes"] for c in contestants},
        "profile": ours.ask("profile"),
        "peers": [
            {"name": c.name, "median": c.median, "ratio": ours.median / c.median,
             "difference": c.ready["difference"], "target": c.target} for c in contestants[1:]]}
    for contestant in contestants:
        contestant.close()
    # Our process without the check, which runs the whole batch on one tape.
    alone = Contestant("ours", [program, comparison.case, "--serve", *comparison.options])
    for _ in range(3):
        alone.ask("round")
    result["memory"]["ours"] = alone.ask("memory")["bytes"]
    alone.close()
    for peer in result["peers"]:
        print(f"{comparison.case}: {peer['ratio']:.3f} of {peer['name']}", file=sys.stderr)
    for remark in remarks:
        print(f"{comparison.case}: {remark}", file=sys.stderr)
    return result


def own_figures(program, folder, rounds):
    """What concerns our program alone: scaling with workers, and implicit against unrolled."""
    def pair(first, second, rounds):
        a = Contestant("a", [program, *first, "--exchange", folder / "a.safetensors"])
        b = Contestant("b", [program, *second, "--exchange", folder / "b.safetensors"])
        for _ in range(rounds):
            for contestant in (a, b):
                contestant.times.append(contestant.ask("round")["seconds"])
        a.close()
        b.close()
        return a.median, b.median

    one, all_cores = pair(
        ["slate-8", "--workers", "1"], ["slate-8", "--workers", str(cores)], rounds or 9)
    figures = [(f"SLATE step, batch 8: {cores} workers against one", one / all_cores,
                "at least 1.85 on two cores")]
    for width in (64, 192):
        unrolled, implicit = pair(
            [f"slots-{width}-unrolled7"], [f"slots-{width}-implicit7"], rounds or 31)
        figures.append((f"slot attention, D {width}, 7 iterations: implicit / unrolled",
                        implicit / unrolled, "at most 0.4"))
    gradient, product = pair(["tanh-256-gradient"], ["tanh-256-hessian"], rounds or 31)
    figures.append(("tanh equilibrium, n 256, batch 64: Hessian-vector product / gradient",
                    product / gradient, "at most 4"))
    figures.append(("autoregressive reconstruction, 64 images: images per second",
                    64 / median_alone([program, "reconstruction-64"], 7), "the more the better"))
    figures.append(("start of the program to its first SLATE step, batch 8, s",
                    start_of_the_program(program), "at most 0.3"))
    return figures


def median_alone(command, rounds):
    """The median of some rounds of ours, in seconds, with nothing beside it."""
    contestant = Contestant("ours", [*command, "--serve"])
    contestant.times = [contestant.ask("round")["seconds"] for _ in range(rounds + 1)][1:]
    contestant.close()
    return contestant.median


def start_of_the_program(program):
    """Seconds from the start of our program to the end of its first SLATE step, without a step's own."""
    starts, steps = [], []
    for _ in range(5):
        begun = time.perf_counter()
        contestant = Contestant("ours", [program, "slate-8", "--serve"])
        starts.append(time.perf_counter() - begun)
        steps += [contestant.ask("round")["seconds"] for _ in range(2)]
        contestant.close()
    return statistics.median(starts) - statistics.median(steps)


def slope(points):
    """Of log seconds against the logarithm of a size, by least squares."""
    xs, ys = zip(*[(math.log(point["value"]), math.log(point["seconds"])) for point in points])
    mean_x, mean_y = statistics.mean(xs), statistics.mean(ys)
    return (sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys))
            / sum((x - mean_x) ** 2 for x in xs))


def scaling_table(rows):
    """How the time of each solver grows."""
    lines = ["", "## Cost of a solver against the size of the state and the batch", "",
             "Six evaluations of z -> tanh(z) / 2 + x, one thread: the exponents p of time ~ size^p, "
             "fitted to three sizes each. Where p is below 1, what does not grow still weighs; Newton's "
             "method assembles and factors dense Jacobians.", "",
             "| solver | state | p | batch | p |", "|---|---|---|---|---|"]
    for solver in dict.fromkeys(row["solver"] for row in rows):
        cells = []
        for axis in ("n", "batch"):
            points = [row for row in rows if row["solver"] == solver and row["axis"] == axis]
            sizes = [point["value"] for point in points]
            cells += [f"{min(sizes)} to {max(sizes)}", f"{slope(points):.2f}"]
        lines.append(f"| {solver} | " + " | ".join(cells) + " |")
    return lines


def iterations_table(rows):
    """Time and memory of implicit and unrolled slot attention against the iterations."""
    lines = ["", "## Cost against the number of iterations", "",
             "Slot attention, K 7, D 64, batch 16, one thread; bytes are what the tape holds after "
             "the forward pass.", "",
             "| iterations | implicit: forward, ms | backward, ms | tape, MB | unrolled: forward, ms "
             "| backward, ms | tape, MB |", "|---|---|---|---|---|---|---|"]
    for n in sorted({row["iterations"] for row in rows}):
        cells = []
        for name in ("implicit", "unrolled"):
            row = next(r for r in rows if r["iterations"] == n and r["estimator"] == name)
            cells += [f"{1e3 * row['forward']:.2f}", f"{1e3 * row['backward']:.2f}",
                      f"{row['bytes'] / 1e6:.2f}"]
        lines.append(f"| {n} | " + " | ".join(cells) + " |")
    ours = {r["iterations"]: r for r in rows if r["estimator"] == "implicit"}
    step = (ours[64]["forward"] - ours[1]["forward"]) / 63
    slope = (ours[64]["backward"] - ours[1]["backward"]) / 63
    lines += ["", f"The implicit backward pass grows by {slope / step:.1%} of one iteration per "
              "iteration (target: below 2%)."]
    return lines


def machine(program):
    """Processor, kernels and rates, as our program finds them."""
    return json.loads(subprocess.run(
        [program, "machine"], capture_output=True, text=True, check=True).stdout)


def description(machine):
    facts, rate = machine["facts"], machine["rate"]
    return (f"{facts['processor']}, {facts['processors']} cores; OpenBLAS with kernels for "
            f"{facts['openBLASKernels']} ({facts['reason']}), own kernels for {facts['kernels']}; "
            f"{rate['perCore']:.0f} Gflop/s a core")


def kind(machine):
    """What must agree for results to be comparable."""
    facts = machine["facts"]
    return [facts["processor"], facts["openBLASKernels"], facts["kernels"], facts["processors"]]


def place_for(machine, wanted):
    """Where results go: RESULTS.md, or a file beside it if that is of another kind of machine."""
    if wanted:
        return wanted
    usual = here / "RESULTS.md"
    try:
        committed = json.loads(usual.with_suffix(".json").read_text()).get("machine")
    except OSError:
        return usual
    if committed is None or kind(committed) == kind(machine):
        return usual
    facts = machine["facts"]
    words = re.findall(r"[A-Za-z0-9]+", f"{facts['processor']} {facts['openBLASKernels']}")
    return here / f"RESULTS-{'-'.join(words)}.md"


def shown(ratio, target):
    """A ratio with three decimals, or with as many as tell on which side of its target it is."""
    decimals = 3
    while target is not None and (float(f"{ratio:.{decimals}f}") <= target) != (ratio <= target):
        decimals += 1
    return f"{ratio:.{decimals}f}"


def report(results, figures, iterations, scaling, sgemm, machine):
    """RESULTS.md."""
    versions = {}
    for result in results:
        versions |= result["versions"]
    swift = subprocess.run(
        ["swift", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    lines = [
        "# Results", "",
        f"Written by `Benchmarks/run.py` on {datetime.date.today()}: {description(machine)}; "
        f"{swift}; " + ", ".join(f"{k} {v}" for k, v in sorted(versions.items())) + ".", "",
        "Rounds of ours and of the peers alternate, and work shorter than 20 ms is repeated within a "
        "round; a ratio is the median of ours divided by the median of the peer, so lower is "
        "better. Before the timing, each peer computes our inputs "
        "with our parameters; the column `difference` is its largest relative difference.", "",
        "Targets are the project's own aims; "
        "[why some are missed](README.md#where-a-target-is-not-met).", "",
        "| work | ours, ms | peer | peer, ms | ratio | target | difference |",
        "|---|---|---|---|---|---|---|"]
    for result in results:
        # PyTorch's target is for its best thread count.
        best = {}
        for peer in result["peers"]:
            family = peer["name"].split(",")[0]
            best[family] = min(best.get(family, 1e9), peer["median"])
        for peer in result["peers"]:
            target = peer["target"]
            if target is None or peer["median"] > best[peer["name"].split(",")[0]]:
                verdict = ""
            else:
                verdict = f"{target:g}, {'met' if peer['ratio'] <= target else 'not met'}"
            lines.append(
                f"| {result['title']} | {1e3 * result['ours']:.2f} | {peer['name']} | "
                f"{1e3 * peer['median']:.2f} | {shown(peer['ratio'], target)} | {verdict} | "
                f"{peer['difference']:.1e} |")
    remarks = [f"{r['title']}: {remark}" for r in results for remark in r["remarks"]]
    if remarks:
        lines += ["", "## Not compared", "", *[f"- {remark}" for remark in remarks]]
    lines += ["", "## Against the machine's limit", "",
              f"Matrix products of 1024 x 1024 run at {sgemm:.0f} Gflop/s on all workers.", "",
              "| work | Gflop | Gflop/s | share of the limit |", "|---|---|---|---|"]
    for result in results:
        operations = result["profile"]["operations"] / 1e9
        if operations > 0:
            rate = operations / result["ours"]
            lines.append(f"| {result['title']} | {operations:.2f} | {rate:.1f} | "
                         f"{rate / sgemm:.0%} |")
    lines += ["", "## Largest resident memory, MB", "",
              "Whole processes: interpreter and libraries included.", "",
              "| work | " + "ours | peers |", "|---|---|---|"]
    for result in results:
        peers = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in result["memory"].items()
                          if name != "ours")
        lines.append(f"| {result['title']} | {result['memory']['ours'] / 1e6:.0f} | {peers} |")
    if figures:
        lines += ["", "## Ours alone", "", "| figure | value | target |", "|---|---|---|"]
        lines += [f"| {name} | {value:.2f} | {target} |" for name, value, target in figures]
    if iterations:
        lines += iterations_table(iterations)
    if scaling:
        lines += scaling_table(scaling)
    for result in results:
        if result["case"] == "slate-8":
            rows = result["profile"]["rows"]
            total = sum(row["seconds"] for row in rows)
            lines += ["", "## Where a training step's time goes (batch 8)", "",
                      "| operator | share | Gflop/s a worker |", "|---|---|---|"]
            for row in rows:
                if row["seconds"] < 0.005 * total:
                    continue
                name = row["name"] + (" (backward)" if row["backward"] else "")
                rate = (f"{row['operations'] / row['seconds'] / 1e9:.0f}"
                        if row["operations"] else "")
                lines.append(f"| {name} | {row['seconds'] / total:.1%} | {rate} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="cases by name")
    parser.add_argument("--without", nargs="*", default=[], help="peers by name")
    parser.add_argument("--rounds", type=int, default=0, help="instead of each case's own number")
    parser.add_argument(
        "--output", type=pathlib.Path,
        help="by default RESULTS.md, or RESULTS-PROCESSOR-KERNELS.md if that is of another machine")
    parser.add_argument(
        "--program", type=pathlib.Path, help="our program, where it is built already")
    options = parser.parse_args()
    python, program = prepare_peers(), options.program or build()
    found = machine(program)
    output = place_for(found, options.output)
    print(description(found), file=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([python, here / "peers" / "make_images.py", folder], check=True)
        results = [compare(c, program, python, folder, options.rounds, options.without)
                   for c in comparisons(folder) if not options.only or c.case in options.only]
        figures = [] if options.only else own_figures(program, folder, options.rounds)
        iterations, scaling = [
            [] if options.only else json.loads(subprocess.run(
                [program, what], capture_output=True, text=True, check=True).stdout)
            for what in ("complexity", "scaling")]
        sgemm = json.loads(subprocess.run(
            [program, "sgemm"], capture_output=True, text=True, check=True).stdout)["gflops"]
    output.write_text(report(results, figures, iterations, scaling, sgemm, found))
    output.with_suffix(".json").write_text(json.dumps(
        {"machine": found, "sgemm": sgemm, "figures": figures, "iterations": iterations,
         "scaling": scaling, "results": results}, indent=1))
    print(output.read_text())


if __name__ == "__main__":
    main()
