"""``finbase render`` over 1, 10, 100 and 1,000 environments: ``make benchmark-scaling``.

Exits 1 where a budget is broken. Seconds are on the wall; beside them stands processor time, since
it is what a machine with other work to do tells truly: finbase's own, and the kernel's. What the
kernel takes to make thousands of files is the file system's affair, so growth is held of
finbase's own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from argparse import ArgumentParser, RawTextHelpFormatter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.many import add_environments, new_project
from benchmarks.meter import Cost, measured

FINBASE = Path(sys.executable).with_name("finbase")
COUNTS = (1, 10, 100, 1000)
RUNS = 3
SECONDS, MEGABYTES, AGAIN = 15, 300, 4
GROWTH = 1.1
"""How many times the time of its own that each of the 90 before took, each of the last 900 may."""


@dataclass(frozen=True)
class Row:
    """What a number of environments costs: at first, again, to check, and after a change."""

    count: int
    first: Cost
    again: Cost
    check: Cost
    changed: Cost

    def __str__(self) -> str:
        told = (
            f"{name} {cost.seconds:.2f} s ({cost.user:.2f} s of its own, "
            f"{cost.processor - cost.user:.2f} s of the kernel, {cost.memory / 1e6:.0f} MB)"
            for name, cost in (
                ("first", self.first),
                ("again", self.again),
                ("--check", self.check),
                ("one YAML changed", self.changed),
            )
        )
        return f"{self.count} environments: {', '.join(told)}, medians of {RUNS}"


def main() -> int:
    """Print a row for each number of environments, then each budget."""
    rows = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="finbase-benchmark-") as scratch:
            rows.append(_row(Path(scratch, "project"), count))
        print(rows[-1], flush=True)
    kept = True
    for what, value, most in _budgets(rows):
        kept = kept and value <= most
        print(f"{what}: {value:.2f}, at most {most}, {'kept' if value <= most else 'BROKEN'}")
    return 0 if kept else 1


def _row(project: Path, count: int) -> Row:
    new_project(project)
    names = add_environments(project, count)
    file = project / "environments" / f"{names[-1]}.yaml"
    render: list[str | Path] = [FINBASE, "render"]
    measured(render, project)  # Templates are compiled, and Python is.
    found: dict[str, list[Cost]] = {"first": [], "again": [], "check": [], "changed": []}
    for run in range(RUNS):
        for path in (project / "environments").glob("*/*.tf"):
            path.unlink()
        found["first"].append(measured(render, project))
        found["again"].append(measured(render, project))
        found["check"].append(measured([*render, "--check"], project))
        text = file.read_text()
        file.write_text(
            text.replace("max_allocated_storage: 5", f"max_allocated_storage: {6 + run}5")
        )
        found["changed"].append(measured(render, project))
        file.write_text(text)
        measured(render, project)
    return Row(count, *(_median(found[name]) for name in ("first", "again", "check", "changed")))


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(each.seconds for each in costs),
        statistics.median(each.processor for each in costs),
        statistics.median(each.user for each in costs),
        max(each.memory for each in costs),
    )


def _budgets(rows: list[Row]) -> Iterator[tuple[str, float, float]]:
    last = rows[-1]
    yield f"seconds for {last.count} environments", last.first.seconds, SECONDS
    yield "seconds for a second run", last.again.seconds, AGAIN
    yield "seconds for --check", last.check.seconds, AGAIN
    yield "megabytes at the peak", last.first.memory / 1e6, MEGABYTES
    for what in ("first", "again", "check"):
        own = [getattr(row, what).user for row in rows]
        early = (own[-2] - own[-3]) / (rows[-2].count - rows[-3].count)
        late = (own[-1] - own[-2]) / (rows[-1].count - rows[-2].count)
        yield f"own time of a further environment, late against early, {what}", late / early, GROWTH


if __name__ == "__main__":
    ArgumentParser(description=__doc__, formatter_class=RawTextHelpFormatter).parse_args()
    sys.exit(main())
