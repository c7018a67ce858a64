"""Group testing: plan several mutations in one tree, and find the odd one by what falls.

A group holds mutations of different failures. The ids that fall must be those of its members:

* a missed mutation shows as an absent id;
* a stray id shows as unexplained, unless another member of the group explains it.

If a group does not decode, the mutations that it misses are planned without the others; if that
does not explain it, its halves are.

A group holds at most one mutation for five ids of the catalogue. Then two of three stray ids are
unexplained; ``finbase prove`` and the soak find the third.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce
from pathlib import PurePosixPath
from typing import TypeAlias

from finbase.errors import ComplianceError, TerraformError
from finbase.judge.mutations import Files, Mutation, mutate

Group: TypeAlias = tuple[Mutation, ...]
Overlaps: TypeAlias = Mapping[str, Collection[str]]
Line: TypeAlias = tuple[PurePosixPath, int]


def decode(group: Group, fell: Collection[str], overlaps: Overlaps) -> list[str]:
    """Return what is wrong with the ids that fell: missed mutations and stray ids."""
    missed = [f"missed {m.id} ({m.failure})" for m in group if m.failure not in fell]
    return missed + [f"stray {id_}" for id_ in sorted(set(fell) - explained(group, overlaps))]


def explained(mutations: Iterable[Mutation], overlaps: Overlaps) -> set[str]:
    """Return the ids that may fall: those of the mutations, and what overlaps with them."""
    return {id_ for m in mutations for id_ in (m.failure, *overlaps.get(m.failure, ()))}


def find_problems(
    group: Group, judge: Callable[[Group], Collection[str]], overlaps: Overlaps
) -> tuple[list[str], int]:
    """Return what is wrong with single mutations of a group, and the number of plans.

    ``judge`` plans mutations together and returns the ids that fell; it may raise
    ``TerraformError``, because some mutations cannot be planned together.
    """
    try:
        fell = judge(group)
    except TerraformError as error:
        fell, problems = (), [f"{', '.join(m.id for m in group)}: {error}"]
    else:
        problems = decode(group, fell, overlaps)
    if not problems or len(group) == 1:
        return problems, 1
    missed = tuple(m for m in group if m.failure not in fell)
    if len(missed) == len(problems) < len(group):  # The others are found, and no id is stray.
        parts = [missed]
    else:
        parts = [group[: len(group) // 2], group[len(group) // 2 :]]
    answers = [find_problems(part, judge, overlaps) for part in parts]
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
    cannot be applied together, are never in one group. A mutation that fits in no group gets a
    group of its own, for others to join.
    """
    files = {path: text for path, text in files.items() if path.suffix == ".tf"}
    ids = {mutation: explained([mutation], overlaps) for mutation in mutations}
    lines = {mutation: _changed_lines(files, mutation) for mutation in mutations}
    frequency = Counter(id_ for mutation in mutations for id_ in ids[mutation])
    # The most frequent failures first: they have the least choice.
    ordered = sorted(mutations, key=lambda m: (-frequency[m.failure], min(ids[m]), m.failure, m.id))
    size = max(1, len(overlaps) // 5)
    groups: list[Group] = [()] * -(-len(ordered) // size)
    trees = [files] * len(groups)
    for mutation in ordered:
        for number in sorted(range(len(groups)), key=lambda n: len(groups[n])):
            group = groups[number]
            if len(group) == size or any(
                other.failure in ids[mutation]
                or mutation.failure in ids[other]
                or lines[mutation] & lines[other]
                for other in group
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
    return tuple(filter(None, groups))


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
