"""Compare finbase with public modules: ``python -m benchmarks.judges.public FOLDER``.

The judges run on three kinds of sources: our staging stack without its suppressing comments, the
same stack made of public modules, and the examples of those modules.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.judges.skips import without_skips
from benchmarks.judges.stacks import Files, place, stacks
from benchmarks.judges.tables import by_id
from benchmarks.judges.tools import HOME, Judgement, Judges, blank_ephemeral
from finbase.errors import FinbaseError
from finbase.judge.prove import rendered_files

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
_MODULE = re.compile(r'"\./modules/([a-z-]+)')
# Everything in rotation.tf except the rotation itself, which the public stack has too.
_FUNCTION = re.compile(
    r'^(?:resource|data) "\w+" "(?:rotation|current)" \{(?:\}|\n(?:[^}\n][^\n]*\n|\n)*\})$',
    re.MULTILINE,
)
_ROLES = re.compile(
    r'^(?:module "roles"|output "roles_\w+") \{\n(?:[^}\n][^\n]*\n|\n)*\}$', re.MULTILINE
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the rows of both tables in ``docs/evidence/judges.md`` and each finding."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judges.public",
        description="Judge our staging stack and the same stack made of public modules.",
        epilog="docs/evidence/judges.md has the commands that download the modules.",
    )
    parser.add_argument(
        "folder", type=Path, help="contains each module that public/main.tf names, at its tag"
    )
    folder: Path = parser.parse_args(arguments).folder
    missing = sorted(name for name in modules_needed() if not (folder / name).is_dir())
    if missing:
        parser.error(f"no {', '.join(missing)} in {folder}; see docs/evidence/judges.md")
    with tempfile.TemporaryDirectory(prefix="finbase-judge-") as name:
        try:
            _judge(folder, Path(name).resolve())
        except FinbaseError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


def modules_needed() -> set[str]:
    """Return the names of the modules that ``public/main.tf`` calls."""
    return set(_MODULE.findall(STACK.read_text(encoding="utf-8")))


def without_function(files: Files) -> Files:
    """Return a tree without the functions, that for roles included: public modules have none."""
    patterns = {"rotation.tf": _FUNCTION, "main.tf": _ROLES, "outputs.tf": _ROLES}
    return {
        path: patterns[path.name].sub("", content.decode()).encode()
        if path.name in patterns
        else content
        for path, content in files.items()
        if path.parts[:2] != ("modules", "roles")
    }


def row(what: str, checkov: Judgement, trivy: Judgement) -> str:
    """Return one row of the tables: passed checks and findings of each judge, by id."""
    cells = [what]
    for said in (checkov, trivy):
        cells += [f"{said.passed}, {len(said.failed)}", by_id(said.failed)]
    return f"| {' | '.join(cells)} |"


def _judge(folder: Path, scratch: Path) -> None:
    judges = Judges(HOME, scratch)
    print("checkov {}, Trivy {}".format(*judges.versions()))
    ours = without_skips(stacks(rendered_files(ROOT), "staging"))
    for what, tree in (
        ("finbase, staging", ours),
        ("finbase, staging, without the rotation function", without_function(ours)),
    ):
        home = place(tree, scratch / what.replace(" ", "-"))
        _print(what, *judges.checkov_sources([home]), *judges.trivy_sources([home]))
    for what in ("public modules, the same without the rotation function", *EXAMPLES):
        ground = scratch / re.sub("[ /]", "-", what)
        shutil.copytree(folder, ground / "modules")
        home = _example(ground, what) if what in EXAMPLES else _stack(ground)
        blank_ephemeral(ground)
        _print(what, *judges.checkov_sources([home]), *judges.trivy_sources([home]))


def _stack(ground: Path) -> Path:
    home = ground / "stack"
    home.mkdir()
    text = STACK.read_text(encoding="utf-8").replace('"./modules/', '"../modules/')
    (home / "main.tf").write_text(text, encoding="utf-8")
    return home


def _example(ground: Path, what: str) -> Path:
    """Return the folder of an example, changed to call the local copies of modules."""
    home = ground / "modules" / what
    up = "/".join([".."] * len(Path(what).parts))
    for path in home.glob("*.tf"):
        text = path.read_text(encoding="utf-8")
        path.write_text(_FROM_REGISTRY.sub(rf'"{up}/\g<module>\g<part>"', text), encoding="utf-8")
    return home


def _print(what: str, checkov: Judgement, trivy: Judgement) -> None:
    print(row(what, checkov, trivy), flush=True)
    for finding in sorted({*checkov.failed, *trivy.failed}):
        print(f"    {finding}")


if __name__ == "__main__":
    sys.exit(main())
