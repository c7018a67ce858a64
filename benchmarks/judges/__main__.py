"""Run checkov and Trivy on the project: ``make judge``. Exits 1 for any unexplained finding."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.judges.judge import Verdict, judge_plans, judge_sources
from benchmarks.judges.tools import HOME, Judges
from finbase.errors import FinbaseError
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge modules, stacks and plans, and print the findings."""
    argparse.ArgumentParser(
        prog="python -m benchmarks.judges",
        description="Run checkov and Trivy on modules, stacks and plans: `make judge`.",
    ).parse_args(arguments)
    environments = sorted(path.stem for path in (ROOT / "environments").glob("*.yaml"))
    with tempfile.TemporaryDirectory(prefix="finbase-judge-") as name:
        scratch = Path(name)
        (scratch / "workspace").mkdir()
        try:
            judges = Judges(HOME, scratch)
            print("checkov {}, Trivy {}".format(*judges.versions()), flush=True)
            sources, explained = judge_sources(ROOT, environments, judges, scratch)
            _print_hearings(sources)
            with Workspace(find_terraform(), scratch / "workspace") as workspace:
                plans = judge_plans(ROOT, explained, judges, workspace, scratch)
        except FinbaseError as error:
            print(error, file=sys.stderr)
            return 2
    _print_hearings(plans)
    print(f"{len(sources.comments)} findings suppressed, each beside its resource:")
    for comment in sources.comments:
        print(f"  {comment}")
    for text in (*sources.wrong, *plans.wrong):
        print(f"WRONG  {text}")
    return 0 if sources.clean and plans.clean else 1


def _print_hearings(verdict: Verdict) -> None:
    for hearing in verdict.hearings:
        print(hearing, flush=True)
        for finding in hearing.failed:
            print(f"  FAILED  {finding}")


if __name__ == "__main__":
    sys.exit(main())
