"""Judge public modules as ours are: ``python -m benchmarks.judges.public FOLDER``.

FOLDER holds the modules that ``public/main.tf`` names, each in the folder of its name, as their
tags have them. Two things are judged of them: that stack, and the modules' own examples.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from benchmarks.judges.tools import HOME, Finding, Judgement, Judges
from generator.errors import FinbaseError

ROOT = Path(__file__).resolve().parents[2]
STACK = Path(__file__).resolve().parent / "public" / "main.tf"
EXAMPLES = (
    "rds/examples/complete-postgres",
    "rds/examples/replica-postgres",
    "vpc/examples/complete",
    "kms/examples/complete",
    "elasticache/examples/serverless-cache",
)
_FROM_REGISTRY = re.compile(
    r'"terraform-aws-modules/(?P<module>[a-z-]+)/aws(?P<part>(?://[a-z/-]*)?)"\n +version += .*'
)


def main(folder: Path) -> int:
    """Print what each judge passes and fails, by failing id."""
    with tempfile.TemporaryDirectory(prefix="finbase-judge-") as name:
        scratch = Path(name).resolve()
        try:
            judges = Judges(HOME, scratch)
            print("checkov {}, Trivy {}".format(*judges.versions()))
            for what in ("stack", *EXAMPLES):
                ground = scratch / what.replace("/", "-")
                shutil.copytree(folder, ground / "modules")
                home = _home(ground, what)
                _print(what, "checkov", judges.checkov_sources(home))
                _print(what, "Trivy", judges.trivy_sources(home, ground))
        except FinbaseError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


def _home(ground: Path, what: str) -> Path:
    """Make the folder to judge; where a module names another, that is the copy beside it."""
    if what == "stack":
        home = ground / "stack"
        home.mkdir()
        home.joinpath("main.tf").write_text(
            STACK.read_text(encoding="utf-8").replace('"./modules/', '"../modules/')
        )
        return home
    home = ground / "modules" / what
    up = "/".join([".."] * len(Path(what).parts))
    for path in home.glob("*.tf"):
        text = path.read_text(encoding="utf-8")
        path.write_text(_FROM_REGISTRY.sub(rf'"{up}/\g<module>\g<part>"', text), encoding="utf-8")
    return home


def _print(what: str, judge: str, said: Judgement) -> None:
    print(f"{what}: {judge}: {said.passed} passed, {len(said.failed)} failed {_by_id(said.failed)}")
    for finding in sorted(set(said.failed)):
        print(f"    {finding}")


def _by_id(findings: Iterable[Finding]) -> str:
    counted = Counter(finding.check for finding in findings)
    return ", ".join(f"{check} x{count}" for check, count in sorted(counted.items()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
