"""Bring back each failure of the catalogue, and count the judges that detect it.

``python -m benchmarks.judges.matrix`` prints the tables of ``docs/evidence/judges.md`` and the
README; ``--write`` updates both pages. Arguments limit the run to some mutations or failures. A
judge detects a failure if it reports more than for the same stack without the mutation.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.judges.stacks import Files, keys_made, place, stacks
from benchmarks.judges.tables import WAYS, Seen, filled, row, rule, tables
from benchmarks.judges.tools import HOME, Judgement, Judges
from finbase.errors import FinbaseError
from finbase.judge import compliance
from finbase.judge.mutations import Mutation, mutate
from finbase.judge.prove import rendered_files, select
from finbase.terraform.program import find_terraform
from finbase.terraform.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "docs" / "evidence" / "judges.md", ROOT / "README.md")

_BATCH = 8  # Plans per start of checkov, a compromise between start-up time and memory.


def look(
    root: Path, mutations: Sequence[Mutation], judges: Judges, scratch: Path
) -> Iterator[Seen]:
    """Apply each mutation to its stack, judge sources and plan, and run the features."""
    files = rendered_files(root)
    trees = {
        mutation: stacks(mutate(files, mutation), mutation.environment) for mutation in mutations
    }
    (scratch / "workspace").mkdir()
    with Workspace(find_terraform(), scratch / "workspace") as workspace:
        court = _Court(root / "features", judges, workspace, scratch)
        environments = sorted({mutation.environment for mutation in mutations})
        unchanged = {f"{name}-unchanged": (name, stacks(files, name)) for name in environments}
        before = dict(zip(environments, court.judge(unchanged).values(), strict=True))
        for at in range(0, len(mutations), _BATCH):
            batch = mutations[at : at + _BATCH]
            judged = court.judge({m.id: (m.environment, trees[m]) for m in batch})
            for mutation in batch:
                after = judged[mutation.id]
                pairs = zip(WAYS, before[mutation.environment].ways, after.ways, strict=True)
                found = {way: _new(*pair) for way, *pair in pairs}
                yield Seen(mutation, found, after.fell)


class _Judged(NamedTuple):
    """The judgement of each of the ``WAYS``, and the controls that fail."""

    ways: tuple[Judgement, ...]
    fell: tuple[str, ...]


class _Court:
    """The judges and the features, with a workspace for plans. The keys are planned once."""

    def __init__(self, features: Path, judges: Judges, workspace: Workspace, scratch: Path) -> None:
        self._features = features
        self._judges = judges
        self._workspace = workspace
        self._scratch = scratch
        self._keys: dict[str, bytes] = {}

    def judge(self, trees: Mapping[str, tuple[str, Files]]) -> dict[str, _Judged]:
        """Return the judgements of each tree and its environment; all judge the same plan."""
        ground = Path(tempfile.mkdtemp(dir=self._scratch))
        sources = ground / "sources"
        folders = {name: place(tree, sources / name) for name, (_, tree) in trees.items()}
        plans, fell = [], []
        for name, (environment, _) in trees.items():
            plans.append(ground / f"{name}.json")
            plans[-1].write_bytes(self._plan(folders[name], environment))
            stack = folders[name] / "environments" / environment
            verdict = compliance.run(plans[-1], self._features, rendered=True, stack=stack)
            fell.append(tuple(row.id for row in verdict.by_failure() if row.open))
        ways = zip(
            self._judges.checkov_sources([*folders.values()]),
            self._judges.checkov_plans(plans),
            self._judges.trivy_sources([*folders.values()]),
            self._judges.trivy_plans(plans),
            strict=True,
        )
        judged = map(_Judged, ways, fell)
        shutil.rmtree(ground)
        return dict(zip(folders, judged, strict=True))

    def _plan(self, project: Path, environment: str) -> bytes:
        stack = project / "environments" / environment
        if environment not in self._keys:
            self._keys[environment] = keys_made(self._workspace.plan(stack, project=project))
        return self._workspace.plan(stack, project=project, state=self._keys[environment])


def _new(before: Judgement, after: Judgement) -> tuple[str, ...]:
    old = Counter((each.check, each.resource) for each in before.failed)
    new = Counter((each.check, each.resource) for each in after.failed)
    return tuple(sorted({check for check, _ in new - old}))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each mutation, then the tables. Return 1 if finbase does not detect a mutation."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judges.matrix",
        description="Bring back each failure of the catalogue; count the judges that detect it.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="ID", help="a mutation or a failure; default: the review's"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="update the tables in the docs and README.md",
    )
    options = parser.parse_args(arguments)
    if options.write and options.names:
        parser.error("--write requires a run of all mutations; remove the ids")
    try:
        found = _found(_chosen(parser, options.names))
        made = tables(found)
        for head, rows in made.items():
            print("", head, rule(head), *rows, sep="\n")
        if options.write:
            for page in PAGES:
                text = page.read_text(encoding="utf-8")
                page.write_text(filled(text, made, date.today()), encoding="utf-8")
                print(f"written: {page}")
    except FinbaseError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(each.caught for each in found) else 1


def of_the_review(root: Path) -> tuple[Mutation, ...]:
    """Return the mutations of the review's failures, which the page counts.

    Those of the design and the baseline are not measured: the judges would take hours for them.
    """
    entries = yaml.safe_load((root / "features" / "mutations" / "review.yaml").read_bytes())
    ids = {entry["id"] for entry in entries}
    return tuple(mutation for mutation in select(root, ()) if mutation.id in ids)


def _chosen(parser: argparse.ArgumentParser, names: Sequence[str]) -> Sequence[Mutation]:
    try:
        return select(ROOT, names) if names else of_the_review(ROOT)
    except FinbaseError as error:
        parser.error(str(error))


def _found(mutations: Sequence[Mutation]) -> list[Seen]:
    found = []
    with tempfile.TemporaryDirectory(prefix="finbase-judge-") as folder:
        scratch = Path(folder)
        judges = Judges(HOME, scratch)
        print("checkov {}, Trivy {}".format(*judges.versions()), flush=True)
        for seen in look(ROOT, mutations, judges, scratch):
            found.append(seen)
            print(row(seen), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
