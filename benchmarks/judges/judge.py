"""The project before its judges: what they found, what is explained, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmarks.judges.ground import newest_modules, place, plan_with_keys, stacks
from benchmarks.judges.skips import Skip, skips, skips_of_templates, without_skips
from benchmarks.judges.tools import Finding, Judges
from generator.prove import rendered_files
from generator.workspace import Workspace

__all__ = ["MOST", "Hearing", "Verdict", "judge_plans", "judge_sources"]

MOST = 6
"""Findings that may be taken back by a comment, in all templates together."""

_BARE = "modules-without-comments"


@dataclass(frozen=True)
class Hearing:
    """One judge on one thing. ``failed`` are the findings that nothing explains."""

    judge: str
    what: str
    passed: int
    failed: tuple[Finding, ...]
    skipped: int


@dataclass(frozen=True)
class Verdict:
    """All hearings, the comments in the templates, and what is wrong with them."""

    hearings: tuple[Hearing, ...]
    comments: tuple[Skip, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether no failed check is left unexplained, and every comment is in order."""
        return not self.wrong and not any(hearing.failed for hearing in self.hearings)


def judge_sources(
    root: Path, environments: Sequence[str], judges: Judges, scratch: Path
) -> tuple[Verdict, Mapping[str, frozenset[tuple[str, str]]]]:
    """Judge the newest version of each module by itself, and each stack with what it pins.

    The second part of the result says, for each environment, which checks of which resources
    a comment takes back: a plan has no comments.
    """
    files = rendered_files(root)
    modules = newest_modules(root, files)
    whats = ["modules", *environments, _BARE]
    trees = [modules, *(stacks(files, name) for name in environments), without_skips(modules)]
    ground = scratch / "sources"
    folders = [place(tree, ground / what) for what, tree in zip(whats, trees, strict=True)]
    said = [judges.checkov_sources(folder) for folder in folders]
    # What checkov read has its ephemeral blocks still; Trivy comes last.
    by_trivy = [judges.trivy_sources(folder) for folder in folders]
    hearings = [
        Hearing(judge, f"{what}, sources", each.passed, each.failed, len(each.skipped))
        for judge, judged in (("checkov", said), ("Trivy", by_trivy))
        for what, each in zip(whats, judged, strict=True)
        if what != _BARE
    ]
    comments = skips_of_templates(root)
    bare = (*said[-1].failed, *by_trivy[-1].failed)
    wrong = [*_wrong(comments), *_idle(skips(modules), bare)]
    explained = {
        name: frozenset((each.check, each.resource) for each in judgement.skipped)
        for name, judgement in zip(environments, said[1:-1], strict=True)
    }
    return Verdict(tuple(hearings), tuple(comments), tuple(wrong)), explained


def judge_plans(
    root: Path,
    explained: Mapping[str, frozenset[tuple[str, str]]],
    judges: Judges,
    workspace: Workspace,
    scratch: Path,
) -> Verdict:
    """Judge the plan of each environment; ``explained`` is what ``judge_sources`` gave."""
    plans = []
    for name in explained:
        plans.append(scratch / f"{name}.json")
        plans[-1].write_bytes(plan_with_keys(workspace, root, name))
    hearings = []
    for judge, said in (
        ("checkov", judges.checkov_plans(plans)),
        ("Trivy", [judges.trivy_plan(plan) for plan in plans]),
    ):
        for name, each in zip(explained, said, strict=True):
            left = tuple(f for f in each.failed if (f.check, f.resource) not in explained[name])
            skipped = len(each.failed) - len(left)
            hearings.append(Hearing(judge, f"{name}, plan", each.passed, left, skipped))
    return Verdict(tuple(hearings))


def _wrong(comments: Sequence[Skip]) -> Iterator[str]:
    if len(comments) > MOST:
        yield f"{len(comments)} findings are taken back in the templates, {MOST} at most may be"
    for each in comments:
        if not each.reasoned:
            yield f"{each.file}:{each.line}: {each.check} is taken back without a reason"


def _idle(comments: Iterable[Skip], bare: Iterable[Finding]) -> Iterator[str]:
    """Yield the comments without which nothing would be found: they explain nothing any more."""
    found = {(each.check, PurePosixPath(each.file).name) for each in bare}
    for each in comments:
        if (each.check, each.file.name) not in found:
            yield f"{each.file}:{each.line}: {each.check} is taken back, but is no finding"
