"""Group testing: plan several mutations in one tree, and find the odd one by two groupings.

A group holds mutations of different failures. The ids that fall must be those of its members:

* a missed mutation shows as an absent id;
* a stray id shows as unexplained in each group without a mutation of that id.

No two mutations are together in both groupings, and the groups of the second are chosen so that
they explain few ids that the first explains, too. If a failure has more mutations than a grouping
has groups, each of them is in one grouping only. If a group does not decode, the mutations that it
misses are planned without the others; if that does not explain it, its halves are.

A group holds at most one mutation for four ids of the catalogue: a larger one would hide too many
stray ids.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce
from math import isqrt
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
    """Return the groups of both groupings for the mutations of one environment.

    The result depends on the arguments alone. Mutations that change the same line of HCL, or that
    cannot be applied together, are never in one group.
    """
    files = {path: text for path, text in files.items() if path.suffix == ".tf"}
    rivals = {f: explained([m], overlaps) for m in mutations for f in [m.failure]}
    frequency = Counter(id_ for mutation in mutations for id_ in rivals[mutation.failure])
    # The most frequent failures first: they have the least choice.
    ordered = sorted(
        mutations, key=lambda m: (-frequency[m.failure], min(rivals[m.failure]), m.failure, m.id)
    )
    size = max(1, len(overlaps) // 4)
    # Groups that are larger than their number would share pairs.
    count = max(-(-len(ordered) // size), -(-max(frequency.values()) // 2), isqrt(len(ordered)))
    frequent = [m for m in ordered if frequency[m.failure] > count]
    once = ({*frequent[::2]}, {*frequent[1::2]})
    builder = _Builder(files, overlaps, mutations, size, count)
    first = builder.build([m for m in ordered if m not in once[1]], {})
    companions = {m: {*group} - {m} for group in first for m in group}
    second = builder.build([m for m in ordered if m not in once[0]], companions)
    alone = {group for group in first if len(group) == 1 and group in second}
    return tuple(group for group in (*first, *second) if group in second or group not in alone)


class _Builder:
    def __init__(
        self,
        files: Files,
        overlaps: Overlaps,
        mutations: Iterable[Mutation],
        size: int,
        count: int,
    ) -> None:
        self.files, self.overlaps, self.size, self.count = files, overlaps, size, count
        self.lines = {mutation: _changed_lines(files, mutation) for mutation in mutations}
        self.explained = {mutation: explained([mutation], overlaps) for mutation in mutations}

    def build(
        self, mutations: Sequence[Mutation], companions: Mapping[Mutation, Collection[Mutation]]
    ) -> list[Group]:
        """Fill the groups evenly; a mutation that fits in none gets a group of its own."""
        beside = {m: explained(companions.get(m, ()), self.overlaps) for m in self.explained}
        groups: list[Group] = [()] * self.count
        trees = [self.files] * self.count
        for mutation in mutations:
            ranked = sorted(
                range(len(groups)),
                key=lambda n: (self._masked(mutation, groups[n], beside), len(groups[n])),
            )
            for number in ranked:
                if not self._fits(mutation, groups[number], companions.get(mutation, ())):
                    continue
                try:
                    trees[number] = mutate(trees[number], mutation)
                except ComplianceError:
                    continue
                groups[number] = (*groups[number], mutation)
                break
            else:
                groups.append((mutation,))
                trees.append(mutate(self.files, mutation))
        return [group for group in groups if group]

    def _masked(
        self, mutation: Mutation, group: Group, beside: Mapping[Mutation, Collection[str]]
    ) -> int:
        """Count the ids that both groups of the mutation, or of another one, would explain.

        ``beside`` has what the companions of a mutation explain.
        """
        by_group = {id_ for other in group for id_ in self.explained[other]}
        return len(by_group.intersection(beside[mutation])) + sum(
            len(self.explained[mutation].intersection(beside[other])) for other in group
        )

    def _fits(self, mutation: Mutation, group: Group, companions: Collection[Mutation]) -> bool:
        own = self.explained[mutation]
        return (
            len(group) < self.size
            and {*group}.isdisjoint(companions)
            and all(
                other.failure not in own
                and mutation.failure not in self.explained[other]
                and self.lines[mutation].isdisjoint(self.lines[other])
                for other in group
            )
        )


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
