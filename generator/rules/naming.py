"""Names that are made of the environment's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from generator.model import Environment
from generator.rules.rule import Finding, Rule, rule

__all__ = ["RULES"]

_ROOM: Final[Mapping[str, int]] = {
    "the name of a serverless cache": 40,
    "the identifier of a replica": 63 - len("-") - 20,
    "the name of an IAM role": 64 - 20,
}
"""The characters that each name leaves to the stack's: AWS's limit without the longest suffix."""


@rule(
    "FB241",
    "the stack's name is too long",
    why="A serverless cache has a name of at most 40 characters, an RDS instance an identifier "
    "of at most 63, an IAM role a name of at most 64. A plan does not know the first two.",
    source="https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
    "API_CreateServerlessCache.html",
)
def stack_name(environment: Environment) -> Iterator[Finding]:
    """Project and environment together leave room for the names made of them."""
    name = environment.stack_name
    what, most = min(_ROOM.items(), key=lambda room: room[1])
    if environment.project and environment.name and len(name) > most:
        message = f"the stack's name {name} has {len(name)} characters; {what} allows {most}"
        yield Finding(("project",), message, "shorten the project's or the environment's name")


RULES: Final[tuple[Rule, ...]] = (stack_name,)
