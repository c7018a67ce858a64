"""Read the proof matrix that ``finbase prove --json`` wrote."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from finbase.errors import FinbaseError
from finbase.report.documents import read

_HINT = "make it with `finbase prove --json matrix.json`"


@dataclass(frozen=True)
class Mutation:
    """A failure that was introduced on purpose, and the failures that the scenarios reported."""

    id: str
    failure: str
    environment: str
    what: str
    fell: tuple[str, ...]
    outcome: str

    @property
    def caught(self) -> bool:
        """Whether the right scenarios failed, and no others."""
        return self.outcome == "caught"


@dataclass(frozen=True)
class Proof:
    """A matrix: when, with which finbase, and at which commit its mutations were introduced.

    ``commit`` is empty if it is unknown; ``clean`` says that no file differed from it.
    """

    mutations: tuple[Mutation, ...]
    made: str
    finbase: str
    commit: str
    clean: bool
    features: str


def read_proof(
    data: bytes,
    name: str,
    catalogue: Container[str],
    known: Mapping[str, str],
    features: str,
) -> Proof:
    """Read a matrix; ``name`` names it in messages, ``catalogue`` has the ids of the failures.

    ``known`` maps the ids of mutations to those of their failures, and ``features`` is the SHA-256
    of features and mutations. Raises ``FinbaseError`` if the matrix is invalid, empty, or of
    others. Mutations that did not apply to their stacks are left out: they prove nothing.
    """
    document = read("prove", data, name, _HINT)
    mutations = tuple(
        Mutation(
            **{key: each[key] for key in ("id", "failure", "environment", "what", "outcome")},
            fell=tuple(each["fell"]),
        )
        for each in document["mutations"]
        if each["outcome"] != "not applicable"
    )
    proof = Proof(
        mutations,
        document["made_at"],
        document["finbase_version"],
        document["commit"] or "",
        not document["changed_files"],
        document["features_sha256"],
    )
    if not mutations:
        raise FinbaseError(f"{name} contains no mutations, so it proves nothing", _HINT)
    for mutation in mutations:
        if mutation.failure not in catalogue:
            raise FinbaseError(
                f"{name}: {mutation.failure!r} is not in features/failures.yaml",
                f"the matrix was made with another catalogue; {_HINT}",
            )
        if known.get(mutation.id) != mutation.failure:
            raise FinbaseError(
                f"{name}: no mutation {mutation.id!r} of {mutation.failure} is known",
                f"the matrix was made with other mutations; {_HINT}",
            )
    if proof.features != features:
        raise FinbaseError(
            f"{name} is of other features or mutations: here their SHA-256 is {features}",
            f"{_HINT}, at this commit",
        )
    return proof
