#!/usr/bin/env python3
"""Root finding beside scipy on the published problems: writes ROOTS.md.

    Benchmarks/roots.py [--output FILE]

Needs Swift, and the environment of Benchmarks/run.py, which is made where it is missing. Ours and
scipy's solvers start from the same points; both sides' equations are compared before, at the start
and at a point beside it.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

import run

OURS = ["newton", "newton-krylov", "broyden", "anderson", "automatic"]
THEIRS = ["hybr", "krylov", "anderson", "broyden1"]
LARGEST_DIFFERENCE = 1e-12


def our_records(program):
    command = [program] if program else [
        "swift", "run", "-c", "release", "--package-path", run.here.parent, "PublishedTable"]
    return json.loads(
        subprocess.run([*command, "--roots"], stdout=subprocess.PIPE, check=True).stdout)


def cell(result):
    products = result.get("products", 0)
    cost = f"{result['evaluations']}" + (f" + {products}" if products else "")
    if result["isSolved"]:
        return cost
    residual = result["residual"]
    return "– (" + ("not finite" if residual is None else f"{residual:.0e}") + ")"


def table(records, theirs):
    lines = ["| problem | n | " + " | ".join(OURS) + " | "
             + " | ".join("scipy " + name for name in THEIRS) + " |",
             "|---|---|" + "---|" * (len(OURS) + len(THEIRS))]
    solved = [0] * (len(OURS) + len(THEIRS))
    for record in records:
        results = ([record["results"][name] for name in OURS]
                   + [theirs[record["name"]]["results"][name] for name in THEIRS])
        solved = [count + result["isSolved"] for count, result in zip(solved, results)]
        lines.append(f"| {record['name']} | {len(record['start'])} | "
                     + " | ".join(cell(result) for result in results) + " |")
    lines.append(f"| **solved, of {len(records)}** | | "
                 + " | ".join(f"**{count}**" for count in solved) + " |")
    return lines


def page(records, answer):
    worst = max(problem["difference"] for problem in answer["problems"].values())
    return "\n".join([
        "# Root finding beside scipy", "",
        f"Written by `Benchmarks/roots.py` on {datetime.date.today()}; scipy {answer['version']}, "
        "float64.", "",
        "The problems are the square systems of Moré, Garbow and Hillstrom (1981), also in further "
        "sizes of MINPACK's own test, and others of the literature (definitions and sources: "
        "[Tests/TestSupport/PublishedProblems](../Tests/TestSupport/PublishedProblems)), from their "
        "published starting points. A problem is solved where |F| <= 1e-8 (the Euclidean norm) within "
        "1000 evaluations.", "",
        "- Ours are found by `solve(.root(F), ...)`, the solvers in their default settings; what counts is the "
        "returned point, evaluated once more, and the report must claim it. A cell reads evaluations + "
        "products with the Jacobian or its transpose, and the sum must not exceed 1000: scipy "
        "approximates such a product by an evaluation.",
        "- scipy's methods have their default settings but for their own tolerances, which are so "
        "small that none ends too early, and count as having solved a problem as soon as any point "
        "that they evaluate does; their evaluations include those for difference quotients.",
        "- A dash: not solved; in brackets |F| at the returned point, or scipy's least.",
        f"- F is written twice, in our operators and in numpy: they differ by at most {worst:.0e} of "
        "1 + |F| at the start and at a point beside it.", "",
        *table(records, answer["problems"]), ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=run.here / "ROOTS.md")
    parser.add_argument(
        "--program", type=pathlib.Path, help="PublishedTable, where it is built already")
    options = parser.parse_args()
    python, records = run.prepare_peers(), our_records(options.program)
    answer = json.loads(subprocess.run(
        [python, run.here / "peers" / "roots_scipy.py"], input=json.dumps(records), text=True,
        stdout=subprocess.PIPE, check=True).stdout)
    for name, problem in answer["problems"].items():
        if not problem["difference"] <= LARGEST_DIFFERENCE:
            sys.exit(f"{name}: the equations differ by {problem['difference']:.1e}")
    options.output.write_text(page(records, answer))
    print(options.output.read_text())


if __name__ == "__main__":
    main()
