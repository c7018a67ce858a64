"""Judge the project with both tools, and separate explained findings from the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.judges.skips import Skip, skips, skips_of_templates, uncounted, without_skips
from benchmarks.judges.stacks import Files, newest_modules, place, plan_with_keys, stacks
from benchmarks.judges.tools import Finding, Judgement, Judges
from finbase.judge.prove import rendered_files
from finbase.terraform.workspace import Workspace

MOST = 10
"""The number of findings that comments in all templates together may suppress."""

_Said: TypeAlias = Mapping[str, Mapping[str, Judgement]]


@dataclass(frozen=True)
class Hearing:
    """The result of one judge for one tree or plan; ``failed`` holds the unexplained findings."""

    judge: str
    what: str
    passed: int
    failed: tuple[Finding, ...]
    explained: tuple[Finding, ...]

    def __str__(self) -> str:
        return (
            f"{self.judge:8} {self.what:22} {self.passed:4} passed, "
            f"{len(self.failed)} failed, {len(self.explained)} explained"
        )


@dataclass(frozen=True)
class Verdict:
    """All hearings, the comments in the templates, and the errors in those comments."""

    hearings: tuple[Hearing, ...]
    comments: tuple[Skip, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether every failed check is explained and every comment is valid."""
        return not self.wrong and not any(hearing.failed for hearing in self.hearings)


def judge_sources(
    root: Path, environments: Sequence[str], judges: Judges, scratch: Path
) -> tuple[Verdict, Mapping[str, frozenset[tuple[str, str]]]]:
    """Judge the newest version of each module alone, and each stack with its pinned versions.

    Also return, for each environment, the checks and resources whose findings a comment suppresses:
    ``judge_plans`` needs them, because a plan has no comments.
    """
    files = rendered_files(root)
    modules = newest_modules(root, files)
    trees = {"modules": modules, **{name: stacks(files, name) for name in environments}}
    bare = {what: without_skips(tree) for what, tree in trees.items()}
    said, said_of_bare = _hear([trees, bare], judges, scratch / "sources")
    hearings = [
        Hearing(judge, f"{what}, sources", each.passed, each.failed, each.skipped)
        for judge, judged in said.items()
        for what, each in judged.items()
    ]
    comments = skips_of_templates(root)
    wrong = [
        *_wrong(comments),
        *_idle(skips(modules), (j["modules"] for j in said_of_bare.values())),
    ]
    for judge, judged in said_of_bare.items():
        for what, each in judged.items():
            wrong.extend(_hidden(judge, what, each))
    for what, tree in trees.items():
        wrong.extend(_uncounted(what, tree, comments))
    explained = {
        name: frozenset((each.check, each.resource) for each in said["checkov"][name].skipped)
        for name in environments
    }
    return Verdict(tuple(hearings), tuple(comments), tuple(wrong)), explained


def judge_plans(
    root: Path,
    explained: Mapping[str, frozenset[tuple[str, str]]],
    judges: Judges,
    workspace: Workspace,
    scratch: Path,
) -> Verdict:
    """Judge the plan of each environment; ``explained`` comes from ``judge_sources``."""
    plans = []
    for name in explained:
        plans.append(scratch / f"{name}.json")
        plans[-1].write_bytes(plan_with_keys(workspace, root, name))
    hearings = []
    wrong: list[str] = []
    for judge, said in (
        ("checkov", judges.checkov_plans(plans)),
        ("Trivy", judges.trivy_plans(plans)),
    ):
        for name, each in zip(explained, said, strict=True):
            known = explained[name]
            left = tuple(f for f in each.failed if (f.check, f.resource) not in known)
            gone = tuple(f for f in each.failed if (f.check, f.resource) in known)
            hearings.append(Hearing(judge, f"{name}, plan", each.passed, left, gone))
            wrong.extend(_hidden(judge, f"{name}, plan", each))
    return Verdict(tuple(hearings), wrong=tuple(wrong))


def _hear(groups: Sequence[Mapping[str, Files]], judges: Judges, ground: Path) -> list[_Said]:
    """For each group, map each judge to a judgement by tree.

    Trivy runs last, because it changes the trees, and once, because it takes a second to start.
    """
    folders = [
        {what: place(tree, ground / str(number) / what) for what, tree in trees.items()}
        for number, trees in enumerate(groups)
    ]
    flat = [folder for group in folders for folder in group.values()]
    by_judge = {"checkov": judges.checkov_sources(flat), "Trivy": judges.trivy_sources(flat)}
    said = {judge: iter(judgements) for judge, judgements in by_judge.items()}
    return [
        {judge: {what: next(each) for what in group} for judge, each in said.items()}
        for group in folders
    ]


def _wrong(comments: Sequence[Skip]) -> Iterator[str]:
    if len(comments) > MOST:
        yield f"the templates suppress {len(comments)} findings; at most {MOST} are allowed"
    for each in comments:
        if not each.reasoned:
            yield f"{each.file}:{each.line}: {each.check} is suppressed without a reason"


def _idle(comments: Iterable[Skip], bare: Iterable[Judgement]) -> Iterator[str]:
    """Yield the comments that no longer suppress any finding."""
    found = {(each.check, each.file.lstrip("/")) for said in bare for each in said.failed}
    for each in comments:
        if (each.check, str(each.file)) not in found:
            yield f"{each.file}:{each.line}: {each.check} is suppressed, but no judge reports it"


def _hidden(judge: str, what: str, bare: Judgement) -> Iterator[str]:
    """Yield findings that stay suppressed although every counted comment is disabled."""
    for each in bare.skipped:
        yield f"{what}: {judge} leaves {each} out, but no counted comment suppresses it"


def _uncounted(what: str, tree: Files, comments: Sequence[Skip]) -> Iterator[str]:
    for each in uncounted(skips(tree), comments):
        yield (
            f"{what}: {each.file}:{each.line}: {each.check} is suppressed, "
            "but the templates have no such comment"
        )
