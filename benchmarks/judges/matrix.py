"""Put the failures of the catalogue back, and see which judge sees them.

``python -m benchmarks.judges.matrix`` prints the tables of ``docs/judges.md``; mutations or ids
can be named. A judge sees a failure where it finds something that it does not find in the same
stack without the mutation, in its sources or in its plan.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.judges.ground import Files, keys_made, place, stacks
from benchmarks.judges.tools import HOME, Judgement, Judges
from generator.errors import FinbaseError
from generator.progress import unwatched
from generator.proof import Mutation, Outcome, mutate
from generator.prove import prove, rendered_files, select
from generator.terraform import find_terraform
from generator.workspace import Workspace

__all__ = ["WAYS", "Seen", "counts", "first_of_each", "look", "row"]

ROOT = Path(__file__).resolve().parents[2]
WAYS = ("checkov, sources", "checkov, plan", "Trivy, sources", "Trivy, plan")
"""Each judge on each thing that it can be given."""

_BATCH = 8  # Plans that checkov is given at once: one start for all, and still little memory.


@dataclass(frozen=True)
class Seen:
    """What was found of one mutation: check ids by way, sorted; and which features fell."""

    mutation: Mutation
    found: Mapping[str, tuple[str, ...]]
    fell: tuple[str, ...]

    def by(self, judge: str) -> bool:
        """Whether a judge found anything, one way or the other."""
        return any(ids for way, ids in self.found.items() if way.startswith(judge))


def first_of_each(mutations: Iterable[Mutation]) -> list[Mutation]:
    """The first mutation of each failure: most often, what must be there is taken away."""
    first: dict[str, Mutation] = {}
    for mutation in mutations:
        first.setdefault(mutation.failure, mutation)
    return list(first.values())


def look(
    root: Path, mutations: Sequence[Mutation], judges: Judges, scratch: Path
) -> Iterator[Seen]:
    """Put each mutation into its stack, judge its sources and its plan, and run the features."""
    files = rendered_files(root)
    outcomes = prove(root, mutations, jobs=2, progress=unwatched)
    (scratch / "workspace").mkdir()
    with Workspace(find_terraform(), scratch / "workspace") as workspace:
        court = _Court(judges, workspace, scratch)
        environments = sorted({mutation.environment for mutation in mutations})
        as_it_is = {f"{name}-as-it-is": (name, stacks(files, name)) for name in environments}
        before = dict(zip(environments, court.judge(as_it_is).values(), strict=True))
        for at in range(0, len(outcomes), _BATCH):
            batch = outcomes[at : at + _BATCH]
            mutated = {
                each.id: (each.environment, stacks(mutate(files, each), each.environment))
                for each in (outcome.mutation for outcome in batch)
            }
            judged = court.judge(mutated)
            for outcome in batch:
                yield _seen(outcome, before[outcome.mutation.environment], judged)


class _Court:
    """Judges with a workspace to make plans in. The keys of a stack are made once."""

    def __init__(self, judges: Judges, workspace: Workspace, scratch: Path) -> None:
        self._judges = judges
        self._workspace = workspace
        self._scratch = scratch
        self._keys: dict[str, bytes] = {}

    def judge(self, trees: Mapping[str, tuple[str, Files]]) -> dict[str, list[Judgement]]:
        """Judge trees, each with the environment to look at; in the order of ``WAYS``."""
        ground = Path(tempfile.mkdtemp(dir=self._scratch))
        folders = {name: place(tree, ground / name) for name, (_, tree) in trees.items()}
        plans = []
        for name, (environment, _) in trees.items():
            plans.append(ground / f"{name}.json")
            plans[-1].write_bytes(self._plan(folders[name], environment))
        ways = zip(
            [self._judges.checkov_sources(folder) for folder in folders.values()],
            self._judges.checkov_plans(plans),
            [self._judges.trivy_sources(folder) for folder in folders.values()],
            [self._judges.trivy_plan(plan) for plan in plans],
            strict=True,
        )
        judged = dict(zip(folders, map(list, ways), strict=True))
        shutil.rmtree(ground)
        return judged

    def _plan(self, project: Path, environment: str) -> bytes:
        stack = project / "environments" / environment
        if environment not in self._keys:
            self._keys[environment] = keys_made(self._workspace.plan(stack, project=project))
        return self._workspace.plan(stack, project=project, state=self._keys[environment])


def _seen(
    outcome: Outcome, before: Sequence[Judgement], judged: Mapping[str, Sequence[Judgement]]
) -> Seen:
    after = judged[outcome.mutation.id]
    found = {way: _new(*pair) for way, *pair in zip(WAYS, before, after, strict=True)}
    return Seen(outcome.mutation, found, outcome.fell)


def _new(before: Judgement, after: Judgement) -> tuple[str, ...]:
    old = Counter((each.check, each.resource) for each in before.failed)
    new = Counter((each.check, each.resource) for each in after.failed)
    return tuple(sorted({check for check, _ in new - old}))


def row(seen: Seen) -> str:
    """One row of the table of single mutations."""
    cells = [seen.mutation.failure, f"`{seen.mutation.id}`"]
    cells += [", ".join(seen.found[way]) or "–" for way in WAYS]
    return f"| {' | '.join([*cells, ', '.join(seen.fell) or '–'])} |"


def counts(found: Sequence[Seen]) -> Iterator[str]:
    """The table of how many of the mutations of each failure each judge sees."""
    yield "| id | mutations | checkov | Trivy | either | finbase |"
    yield "|---|---|---|---|---|---|"
    ids = list(dict.fromkeys(each.mutation.failure for each in found))
    for name in [*ids, ""]:
        of_it = [each for each in found if name in ("", each.mutation.failure)]
        checkov = [each for each in of_it if each.by("checkov")]
        trivy = [each for each in of_it if each.by("Trivy")]
        either = [each for each in of_it if each.by("checkov") or each.by("Trivy")]
        ours = [each for each in of_it if each.mutation.failure in each.fell]
        numbers = (len(part) for part in (of_it, checkov, trivy, either, ours))
        yield f"| {name or '**all**'} | {' | '.join(map(str, numbers))} |"


def main(names: Sequence[str]) -> int:
    """Print every mutation as it is judged, then both tables."""
    found = []
    with tempfile.TemporaryDirectory(prefix="finbase-judge-") as folder:
        try:
            scratch = Path(folder)
            judges = Judges(HOME, scratch)
            print("checkov {}, Trivy {}".format(*judges.versions()), flush=True)
            for seen in look(ROOT, select(ROOT, names), judges, scratch):
                found.append(seen)
                print(row(seen), flush=True)
        except FinbaseError as error:
            print(error, file=sys.stderr)
            return 2
    first = {mutation.id for mutation in first_of_each(each.mutation for each in found)}
    print("\n| id | mutation |", " | ".join(WAYS), "| finbase |")
    print("|---|---|---|---|---|---|---|")
    print(*(row(each) for each in found if each.mutation.id in first), sep="\n")
    print("", *counts(found), sep="\n")
    return 0 if all(each.mutation.failure in each.fell for each in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
