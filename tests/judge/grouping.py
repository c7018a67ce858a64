"""Group testing: plan several mutations in one tree, and find the odd one by what falls.

The ids that fall must be those of the members of a group:

* a missed mutation shows as an absent id. Where another member explains the id as well, the two
  change different resources, and a finding must be about a resource that the mutation changes;
* a stray id shows as unexplained, unless another member of the group explains it.

If a group does not decode, the mutations that it misses are planned without the others; if that
does not explain it, its halves are.

A group explains at most a third of the ids of the catalogue. Then two of three stray ids are
unexplained; ``finbase prove`` and the soak find the third.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, reduce
from pathlib import PurePosixPath
from typing import TypeAlias

from finbase.errors import ComplianceError, TerraformError
from finbase.judge.mutations import Files, Mutation, mutate
from finbase.source.hcl_scan import scan

LARGEST = 16
"""Mutations: with more, it would be hard to see what a group that does not decode shows."""

ELSEWHERE = {
    "alarm-named-like-another",
    "audit-library-absent",
    "audit-of-reads-only",
    "bound-values-in-the-log",
    "database-in-the-public-table",
    "emails-not-shown",
    "forced-tls-at-the-next-reboot",
    "guard-that-ignores-replacements",
    "master-read-without-an-alarm",
    "output-behind-a-local",
}
"""Mutations whose findings are about something else than what they change."""

Group: TypeAlias = tuple[Mutation, ...]
Overlaps: TypeAlias = Mapping[str, Collection[str]]
Line: TypeAlias = tuple[PurePosixPath, int]
Fell: TypeAlias = Mapping[str, Collection[str]]
"""Each id that fell, and the addresses of what its findings are about, without keys."""
Names: TypeAlias = Mapping[str, Collection[str]]
"""The id of each mutation, and what it changes, such as ``aws_vpc.main`` or ``local.name``.

A parameter of a group has a name of its own: ``aws_db_parameter_group.main.log_statement``.
"""
_PARAMETER = re.compile(r'\bparameter \{\s*name\s*= "([^"]+)"[^{}]*\}')


def decode(group: Group, fell: Fell, overlaps: Overlaps, names: Names) -> list[str]:
    """Return what is wrong with the ids that fell: missed mutations and stray ids."""
    missed = [f"missed {m.id} ({m.failure})" for m in find_missed(group, fell, overlaps, names)]
    return missed + [f"stray {id_}" for id_ in sorted(set(fell) - explained(group, overlaps))]


def find_missed(group: Group, fell: Fell, overlaps: Overlaps, names: Names) -> Group:
    """Return the mutations of a group that no finding shows."""

    def is_seen(mutation: Mutation) -> bool:
        others = [other for other in group if other != mutation]
        if mutation.failure not in explained(others, overlaps):
            return mutation.failure in fell
        return any(
            f".{subject}".endswith(f".{name}")
            for subject in fell.get(mutation.failure, ())
            for name in names[mutation.id]
        )

    return tuple(mutation for mutation in group if not is_seen(mutation))


def explained(mutations: Iterable[Mutation], overlaps: Overlaps) -> set[str]:
    """Return the ids that may fall: those of the mutations, and what overlaps with them."""
    return {id_ for m in mutations for id_ in (m.failure, *overlaps.get(m.failure, ()))}


def find_problems(
    group: Group, judge: Callable[[Group], Fell], overlaps: Overlaps, names: Names
) -> tuple[list[str], int]:
    """Return what is wrong with single mutations of a group, and the number of plans.

    ``judge`` plans mutations together and returns what fell; it may raise ``TerraformError``,
    because some mutations cannot be planned together.
    """
    try:
        fell = judge(group)
    except TerraformError as error:
        fell, problems = {}, [f"{', '.join(m.id for m in group)}: {error}"]
    else:
        problems = decode(group, fell, overlaps, names)
    if not problems or len(group) == 1:
        return problems, 1
    missed = find_missed(group, fell, overlaps, names)
    if len(missed) == len(problems) < len(group):  # The others are found, and no id is stray.
        parts = [missed]
    else:
        parts = [group[: len(group) // 2], group[len(group) // 2 :]]
    answers = [find_problems(part, judge, overlaps, names) for part in parts]
    return [each for found, _ in answers for each in found], 1 + sum(n for _, n in answers)


def mutate_all(files: Files, group: Iterable[Mutation]) -> Files:
    """Return all files with each mutation of a group; raises ``ComplianceError``."""
    return reduce(mutate, group, files)


def files_of_stack(files: Files, environment: str) -> Files:
    """Return the files of an environment and of the module versions that it uses."""
    stack = PurePosixPath("environments", environment)
    sources = re.findall(r'source = "\.\./\.\./(modules/[^"]+)"', files[stack / "main.tf"].decode())
    folders = {stack, *map(PurePosixPath, sources)}
    return {path: text for path, text in files.items() if not folders.isdisjoint(path.parents)}


def group_mutations(
    mutations: Sequence[Mutation], files: Files, overlaps: Overlaps
) -> tuple[Group, ...]:
    """Return groups that hold each of the mutations of one environment once.

    The result depends on the arguments alone. Mutations that change the same line of HCL, or that
    cannot be applied together, are never in one group; nor are those of one id that change the
    same resource. A mutation that fits in no group gets a group of its own, for others to join.
    """
    files = {path: text for path, text in files.items() if path.suffix == ".tf"}
    ids = {mutation: explained([mutation], overlaps) for mutation in mutations}
    lines = {mutation: _changed_lines(files, mutation) for mutation in mutations}
    names = changed_names(mutations, files)
    frequency = Counter(id_ for mutation in mutations for id_ in ids[mutation])
    # The most frequent failures first: they have the least choice.
    ordered = sorted(mutations, key=lambda m: (-frequency[m.failure], min(ids[m]), m.failure, m.id))
    most = max(2, len(overlaps) // 3)
    groups: list[Group] = []
    trees: list[Files] = []

    def by_fit(number: int, mutation: Mutation) -> tuple[int, int]:
        return len(ids[mutation] - explained(groups[number], overlaps)), len(groups[number])

    def exclude_each_other(one: Mutation, other: Mutation) -> bool:
        if lines[one] & lines[other]:
            return True
        if other.failure not in ids[one] and one.failure not in ids[other]:
            return False
        first, second = names[one.id], names[other.id]
        return (
            not first
            or not second
            or any(
                f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.")
                for a in first
                for b in second
            )
        )

    for mutation in ordered:
        for number in sorted(range(len(groups)), key=lambda n: by_fit(n, mutation)):
            group = groups[number]
            if (
                len(group) == LARGEST
                or len(explained((*group, mutation), overlaps)) > most
                or any(exclude_each_other(mutation, other) for other in group)
            ):
                continue
            try:
                trees[number] = mutate(trees[number], mutation)
            except ComplianceError:
                continue
            groups[number] = (*group, mutation)
            break
        else:
            groups.append((mutation,))
            trees.append(mutate(files, mutation))
    return tuple(groups)


def changed_names(mutations: Iterable[Mutation], files: Files) -> dict[str, frozenset[str]]:
    """Return what each mutation changes, by its id: resources, data sources and locals.

    A block of the same file that refers to a changed data source or local is changed as well.
    """
    before = {path: _named(text) for path, text in files.items() if path.suffix == ".tf"}
    return {
        mutation.id: frozenset(
            name
            for path, text in mutate(files, mutation).items()
            if path.suffix == ".tf" and text != files.get(path) and mutation.id not in ELSEWHERE
            for name in _changed(before.get(path, {}), _named(text))
        )
        for mutation in mutations
    }


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    names = {name for name, _ in before.items() ^ after.items()}
    values = [re.escape(name) for name in names if name.startswith(("data.", "local."))]
    reference = re.compile(rf"\b({'|'.join(values)})\b")
    return names | {name for name, code in after.items() if values and reference.search(code)}


@cache
def _named(text: bytes) -> dict[str, str]:
    """Return the code of each resource, data source and local of a file, by its name."""
    found: dict[str, str] = {}
    for block in scan(text.decode()).blocks:
        if block.type == "locals":
            found |= {f"local.{name}": code for name, code in block.attributes.items()}
        elif block.type in ("resource", "data"):
            name = ".".join([*["data"] * (block.type == "data"), *block.labels])
            parameters = _PARAMETER.finditer(block.text)
            found |= {f"{name}.{each[1]}": each[0] for each in parameters}
            found[name] = _PARAMETER.sub("", block.text)
    return found


def _changed_lines(files: Files, mutation: Mutation) -> frozenset[Line]:
    """Return the lines that a mutation changes, with those around an insertion."""
    lines: set[Line] = set()
    for path, content in mutate(files, mutation).items():
        before = files.get(path, b"")
        if content != before:
            old, new = before.decode().splitlines(), content.decode().splitlines()
            matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
            for tag, start, end, _, _ in matcher.get_opcodes():
                if tag != "equal":
                    first = start - 1 if tag == "insert" else start
                    lines |= {(path, line) for line in range(first, max(end, start + 1))}
    return frozenset(lines)
