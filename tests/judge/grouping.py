"""Group testing: plan several mutations in one tree, and find the odd one by two groupings.

A group holds mutations of different failures. The ids that fall must be those of its members:

* a missed mutation shows as an absent id;
* a stray id shows as unexplained in each group without a mutation of that id.

No two mutations are together in both groupings, and the groups of the second are chosen so that
they explain few ids that the first explains, too. Failures with more mutations than the first
grouping has groups are in the second only. A group that does not decode is run one by one.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce
from pathlib import PurePosixPath
from typing import TypeAlias

from finbase.errors import ComplianceError
from finbase.judge.mutations import Files, Mutation, mutate

Group: TypeAlias = tuple[Mutation, ...]
Overlaps: TypeAlias = Mapping[str, Collection[str]]
Block: TypeAlias = tuple[PurePosixPath, str]

SIZE = 6


def decode(group: Group, fell: Collection[str], overlaps: Overlaps) -> list[str]:
    """Return what is wrong with the ids that fell: missed mutations and stray ids."""
    missed = [f"missed {m.id} ({m.failure})" for m in group if m.failure not in fell]
    return missed + [f"stray {id_}" for id_ in sorted(set(fell) - explained(group, overlaps))]


def explained(mutations: Iterable[Mutation], overlaps: Overlaps) -> set[str]:
    """Return the ids that may fall: those of the mutations, and what overlaps with them."""
    return {id_ for m in mutations for id_ in (m.failure, *overlaps.get(m.failure, ()))}


def mutate_all(files: Files, group: Iterable[Mutation]) -> Files:
    """Return all files with each mutation of a group; raises ``ComplianceError``."""
    return reduce(mutate, group, files)


def group_mutations(
    mutations: Sequence[Mutation], files: Files, overlaps: Overlaps
) -> tuple[Group, ...]:
    """Return the groups of both groupings for the mutations of one environment.

    The result depends on the arguments alone. Mutations that change the same block of HCL, or
    that cannot be applied together, are never in one group.
    """
    frequency = Counter(mutation.failure for mutation in mutations)
    # The most frequent failures first: they have the least choice.
    ordered = sorted(mutations, key=lambda m: (-frequency[m.failure], m.failure, m.id))
    count = -(-len(mutations) // SIZE)
    frequent = {failure for failure, number in frequency.items() if number > count}
    builder = _Builder(files, overlaps, mutations)
    first = builder.build([m for m in ordered if m.failure not in frequent], {})
    companions = {m: {*group} - {m} for group in first for m in group}
    second = builder.build(ordered, companions)
    return tuple(group for group in (*first, *second) if len(group) > 1 or group in second)


class _Builder:
    def __init__(self, files: Files, overlaps: Overlaps, mutations: Iterable[Mutation]) -> None:
        self.files, self.overlaps = files, overlaps
        self.blocks = {mutation: _changed_blocks(files, mutation) for mutation in mutations}

    def build(
        self, mutations: Sequence[Mutation], companions: Mapping[Mutation, Collection[Mutation]]
    ) -> list[Group]:
        """Fill the groups evenly; a mutation that fits in none gets a group of its own."""
        most = max(Counter(mutation.failure for mutation in mutations).values())
        groups: list[Group] = [()] * max(-(-len(mutations) // SIZE), most)
        for mutation in mutations:
            ranked = sorted(
                range(len(groups)),
                key=lambda n: (self._masked(mutation, groups[n], companions), len(groups[n])),
            )
            for number in ranked:
                if self._fits(mutation, groups[number], companions.get(mutation, ())):
                    groups[number] = (*groups[number], mutation)
                    break
            else:
                groups.append((mutation,))
        return [group for group in groups if group]

    def _masked(
        self,
        mutation: Mutation,
        group: Group,
        companions: Mapping[Mutation, Collection[Mutation]],
    ) -> int:
        """Count the ids that both groups of the mutation, or of another one, would explain."""
        own = explained(companions.get(mutation, ()), self.overlaps)
        new = explained([mutation], self.overlaps)
        return len(own & explained(group, self.overlaps)) + sum(
            len(new & explained(companions.get(other, ()), self.overlaps)) for other in group
        )

    def _fits(self, mutation: Mutation, group: Group, companions: Collection[Mutation]) -> bool:
        own = explained([mutation], self.overlaps)
        if len(group) == SIZE or not {*group}.isdisjoint(companions):
            return False
        for other in group:
            if other.failure in own or mutation.failure in explained([other], self.overlaps):
                return False
            if not self.blocks[mutation].isdisjoint(self.blocks[other]):
                return False
        try:
            mutate_all(self.files, (*group, mutation))
        except ComplianceError:
            return False
        return True


def _changed_blocks(files: Files, mutation: Mutation) -> frozenset[Block]:
    """Return path and first line of each top-level block that a mutation changes."""
    changed = mutate(files, mutation)
    blocks: set[Block] = set()
    for path in files:
        if changed[path] != files[path]:
            old, new = files[path].decode().splitlines(), changed[path].decode().splitlines()
            matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
            for tag, start, end, new_start, new_end in matcher.get_opcodes():
                if tag != "equal":
                    blocks |= {(path, _head(old, line)) for line in range(start, end)}
                    blocks |= {(path, _head(new, line)) for line in range(new_start, new_end)}
    return frozenset(blocks)


def _head(lines: Sequence[str], line: int) -> str:
    """Return the line that opens the top-level block around a line."""
    above = (lines[number] for number in range(line, -1, -1))
    return next((text for text in above if text[:1].isalpha()), "")
