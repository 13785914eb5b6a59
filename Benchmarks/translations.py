#!/usr/bin/env python3
"""Five programs of PyTorch beside their translations into Swift: writes Docs/Results/Translations.md.

    Benchmarks/translations.py [--rounds N] [--threads N ...] [--program FILE] [--output FILE]

Needs Swift, and the environment of Benchmarks/run.py, which is made where it is missing. Both are
processes that wait for their turn, PyTorch's at one thread and at one for each core: rounds alternate,
and each does its work from the start. Stops where results differ.
"""

import argparse
import datetime
import io
import json
import pathlib
import statistics
import subprocess
import sys
import tokenize

import run

PROGRAMS = {
    "classifier": "deep-equilibrium classifier, three rings, 25 steps of Adam",
    "attention": "attention cell, a state of two tensors, 20 steps of descent",
    "mixture": "EM of a Gaussian mixture as a fixed point, 20 steps on its hyperparameters",
    "graph": "graph network to equilibrium, 300 nodes, 25 steps of Adam",
    "bilevel": "bilevel search, 20 penalties of a logistic regression, 25 steps",
}
TOLERANCE = 1e-6
originals = run.here / "peers" / "translations"
translations = run.here.parent / "Examples" / "Translations"


def swift_lines(path):
    return sum(1 for line in path.read_text().splitlines()
               if line.strip() and not line.strip().startswith("//"))


def python_lines(path):
    """Lines with code: neither blank nor comment nor docstring."""
    text, found, at_start = path.read_text(), set(), True
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
               tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.STRING and at_start:
            continue
        if token.type not in skipped:
            found |= set(range(token.start[0], token.end[0] + 1))
        at_start = token.type in {tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT,
                                  tokenize.COMMENT}
    return len(found)


class Contestant:
    """A process that does a round of work for each line."""

    def __init__(self, command, folder):
        self.times = []
        self.process = subprocess.Popen(
            [*map(str, command), "--serve"], cwd=folder, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def round(self):
        self.process.stdin.write("round\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.times.append(answer["seconds"])
        return answer["results"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def median(self):
        return statistics.median(self.times)


def difference(ours, theirs):
    if ours.keys() != theirs.keys():
        sys.exit(f"the results have other names: {sorted(ours)} and {sorted(theirs)}")
    return max(abs(ours[key] - theirs[key]) / max(abs(theirs[key]), 1e-12) for key in theirs)


def compare(name, program, python, rounds, counts):
    ours = Contestant([program, name], run.here)
    peers = {count: Contestant([python, f"{name}.py", "--threads", count], originals)
             for count in counts}
    worst = 0.0
    for _ in range(rounds):
        found = ours.round()
        for peer in peers.values():
            original = peer.round()
            worst = max(worst, difference(found, original))
            if not worst <= TOLERANCE:
                sys.exit(f"{name}: the results differ by {worst:.1e} of themselves: {found} and "
                         f"{original}")
    for contestant in [ours, *peers.values()]:
        contestant.close()
    best = min(counts, key=lambda count: peers[count].median)
    print(f"{name}: {ours.median / peers[best].median:.2f}", file=sys.stderr)
    return {"name": name, "ours": ours.median, "threads": best, "theirs": peers[best].median,
            "difference": worst, "results": found}


def page(records, rounds, counts, python):
    versions = subprocess.run(
        [python, "-c", "import torch; from importlib.metadata import version; "
         "print(torch.__version__, version('torchdeq'))"],
        stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    lines = [
        "# Five programs of PyTorch in Swift", "",
        f"Written by `Benchmarks/translations.py` on {datetime.date.today()}; PyTorch "
        f"{versions[0]}, TorchDEQ {versions[1]}, float64 in both.", "",
        "The originals are in [Benchmarks/peers/translations](../../Benchmarks/peers/translations), the "
        "translations in [Examples/Translations](../../Examples/Translations): "
        "`swift run -c release Translations classifier`. Both start from the same numbers, by a "
        "formula, take the same training steps with the same solvers, forwards and backwards, to the "
        "same tolerances, and come to the same results.", "",
        "| program | solver | gradient |", "|---|---|---|",
        "| classifier, graph | fixed-point iteration to 1e-8 | adjoint by fixed-point iteration to 1e-8 |",
        "| attention | Broyden's method to 1e-8 | adjoint by Broyden's method to 1e-8 |",
        "| mixture | fixed-point iteration to 1e-10 | adjoint by fixed-point iteration to 1e-10 |",
        "| bilevel | L-BFGS, 100 pairs, to a gradient of 1e-10 | dense Hessian |", "",
        "Rules of stopping differ in this: TorchDEQ iterates a batch until its last sample is done, ours "
        "each sample; the backward residual is relative to the adjoint there, and to the cotangent here; "
        "PyTorch's L-BFGS looks at the largest entry of the gradient, ours at its Euclidean norm, and "
        "each has its own line search.", "",
        f"Medians of {rounds} rounds in which both take their turn, on {run.cores} "
        f"core{'s' * (run.cores > 1)}; PyTorch with "
        + " or ".join(map(str, counts)) + f" thread{'s' * (counts != [1])}"
        + ", whichever is faster" * (len(counts) > 1) + ". A ratio is ours divided by PyTorch's: what "
        "else the machine does falls on both, and on the times. Lines are those with code, without "
        "blank ones, comments, and what the five share (numbers and clock).", "",
        "| program | lines, Swift | lines, Python | ours, ms | PyTorch, ms (threads) | ratio | "
        "largest relative difference of results |", "|---|---|---|---|---|---|---|"]
    for record in records:
        name = record["name"]
        lines.append(
            f"| [{name}](../../Examples/Translations/{name.capitalize()}.swift): {PROGRAMS[name]} | "
            f"{swift_lines(translations / f'{name.capitalize()}.swift')} | "
            f"{python_lines(originals / f'{name}.py')} | {1e3 * record['ours']:.0f} | "
            f"{1e3 * record['theirs']:.0f} ({record['threads']}) | "
            f"{record['ours'] / record['theirs']:.2f} | {record['difference']:.0e} |")
    lines += ["", "## Results", "", "| program | what it found |", "|---|---|"]
    for record in records:
        found = ", ".join(f"{key} {value:.6f}" for key, value in sorted(record["results"].items()))
        lines.append(f"| {record['name']} | {found.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--threads", type=int, nargs="+", default=sorted({1, run.cores}), help="of PyTorch")
    parser.add_argument(
        "--output", type=pathlib.Path,
        default=run.here.parent / "Docs" / "Results" / "Translations.md")
    parser.add_argument(
        "--program", type=pathlib.Path, help="Translations, where it is built already")
    options = parser.parse_args()
    python, program = run.prepare_peers(), options.program
    if program is None:
        subprocess.run(
            ["swift", "build", "-c", "release", "--package-path", run.here.parent, "--product",
             "Translations"], check=True, stdout=sys.stderr)
        program = run.here.parent / ".build" / "release" / "Translations"
    records = [compare(name, program.resolve(), python, options.rounds, options.threads)
               for name in PROGRAMS]
    old = options.output.read_text() if options.output.exists() else ""
    # What is written by hand stays.
    mark = "\n## A bound on W"
    kept = old[old.index(mark):] if mark in old else ""
    options.output.write_text(page(records, options.rounds, options.threads, python) + kept)
    print(options.output.read_text())


if __name__ == "__main__":
    main()
