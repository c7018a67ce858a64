"""Compare ``finbase check`` with the bare commands and split its time: ``make benchmark-check``.

Measures one environment and the bare `terraform init`, `plan`, `show` and `terraform-compliance`;
ten new environments; and the same ten unchanged. Exits 1 if an unchanged environment takes longer
than its budget.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from argparse import ArgumentParser, RawTextHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.__main__ import bare_terraform
from benchmarks.many import add_environments, new_project
from benchmarks.meter import Cost, measured
from benchmarks.stopwatch import command

FINBASE = Path(sys.executable).with_name("finbase")
COMPLIANCE = Path(sys.executable).with_name("terraform-compliance")
ROOT = Path(__file__).resolve().parent.parent
COUNT = 10
RUNS = 3
UNCHANGED = 0.3
"""Seconds that an unchanged environment may take."""

_COUNTED = """#!/bin/sh
start=$(date +%s%N)
"{terraform}" "$@"
code=$?
echo "$1 $(( $(date +%s%N) - start ))" >> "{log}"
exit $code
"""


def main() -> int:
    """Measure, print the results and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="finbase-benchmark-") as scratch:
        return _measure(Path(scratch))


def _measure(scratch: Path) -> int:
    project = scratch / "project"
    new_project(project)
    names = add_environments(project, COUNT)
    log = scratch / "terraform.log"
    environ = {
        **os.environ,
        "XDG_CACHE_HOME": str(scratch / "cache"),
    }
    environ.pop("CI", None)
    environ.pop("FINBASE_CACHE", None)
    counting = environ | {"FINBASE_TERRAFORM": str(_counting(scratch, log))}

    def finbase(*arguments: str, environ: Mapping[str, str] = environ) -> Cost:
        log.write_text("")
        return measured([FINBASE, *arguments], project, environ)

    finbase("render")
    bare, alone, parts = [], [], []
    bare_scratch = scratch / "bare"
    bare_scratch.mkdir()
    by_hand = _by_hand(bare_scratch)
    for _ in range(RUNS):
        bare.append(by_hand())
        alone.append(finbase("check", names[0], "--no-cache", environ=counting))
        parts.append(_parts(log))
    print(f"by hand, one environment: {_medians(bare)}")
    print(f"finbase check --no-cache, one environment: {_medians(alone)}")
    for step in parts[0]:
        print(f"  of which terraform {step}: {statistics.median(p[step] for p in parts):.2f} s")
    rest = statistics.median(
        cost.seconds - sum(part.values()) for cost, part in zip(alone, parts, strict=True)
    )
    print(f"  of which features and all else: {rest:.2f} s", flush=True)

    new = finbase("check", environ=counting)
    started = log.read_text().split("\n")[:-1]
    print(
        f"finbase check, {COUNT} new environments: {new.seconds:.1f} s, {new.processor:.1f} s of "
        f"processor time on {os.cpu_count()} processors ({new.processor / new.seconds:.2f} at "
        f"work), {new.memory / 1e6:.0f} MB; Terraform started {len(started)} times, by hand "
        f"{3 * COUNT} times",
        flush=True,
    )
    report = scratch / "verdicts.json"
    finbase("check")
    finbase("check", "--json", str(report))
    verdicts = json.loads(report.read_bytes())["environments"]
    assert all(each["from_cache"] for each in verdicts), "an environment was planned again"
    known, one = [], []
    for _ in range(RUNS):
        known.append(finbase("check"))
        one.append(finbase("check", names[0]))
    print(f"finbase check, {COUNT} unchanged environments: {_medians(known)}")
    print(f"finbase check, one unchanged environment: {_medians(one)}")
    each = (_median(known) - _median(one)) / (COUNT - 1)
    kept = max(each, _median(one)) <= UNCHANGED
    print(
        f"an unchanged environment: {_median(one):.3f} s by itself, {each:.3f} s for a further "
        f"one, budget {UNCHANGED} s, {'kept' if kept else 'BROKEN'}"
    )
    return 0 if kept else 1


def _counting(scratch: Path, log: Path) -> Path:
    """Write a program that runs Terraform and logs each command and its time."""
    from finbase.terraform.program import find_terraform

    program = scratch / "terraform"
    program.write_text(_COUNTED.format(terraform=find_terraform().path, log=log))
    program.chmod(0o755)
    return program


def _parts(log: Path) -> Mapping[str, float]:
    seconds: dict[str, float] = {}
    for line in log.read_text().splitlines():
        step, nanoseconds = line.split()
        seconds[step] = seconds.get(step, 0) + int(nanoseconds) / 1e9
    return seconds


def _by_hand(scratch: Path) -> Callable[[], Cost]:
    """Return a function that runs the four bare commands on a copy of development."""
    terraform = bare_terraform(scratch, "development")
    plan = scratch / "plan.json"
    plan.write_bytes(terraform().strip())
    features = ROOT / "features"
    arguments = [str(COMPLIANCE), "-f", str(features), "-p", str(plan), "-b"]
    compliance = command([*arguments, str(features / "steps")], scratch)

    def run() -> Cost:
        before = os.times()
        terraform()
        compliance()
        after = os.times()
        # Times of finished child processes.
        user, system = after[2] - before[2], after[3] - before[3]
        return Cost(after.elapsed - before.elapsed, user + system, user, 0)

    return run


def _median(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.seconds for cost in costs)


def _medians(costs: Sequence[Cost]) -> str:
    processor = statistics.median(cost.processor for cost in costs)
    return f"{_median(costs):.2f} s, {processor:.2f} s of processor time, medians of {len(costs)}"


if __name__ == "__main__":
    ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter).parse_args()
    sys.exit(main())
