"""Names that are made of the environment's, and how many of them there may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules.rule import Finding, Rule, rule

__all__ = ["RULES"]

_ROOM: Final[Mapping[str, int]] = {
    "the name of a serverless cache": 40,
    "the identifier of a replica": 63 - len("-") - 20,
    "the name of an IAM role": 64 - 20,
}
"""The characters that each name leaves to the stack's: AWS's limit without the longest suffix."""

_MOST_REPLICAS: Final = 15


@rule(
    "FB228",
    "too many replicas",
    "replica.instances",
    why="RDS makes at most 15 replicas of one primary; a plan accepts any number.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
    "USER_PostgreSQL.Replication.ReadReplicas.Configuration.html",
    accepted={
        "replica.instances": {f"r{n}": {"instance_class": "db.r7g.large"} for n in range(15)}
    },
    refused={"replica.instances": {f"r{n}": {"instance_class": "db.r7g.large"} for n in range(16)}},
)
def replicas(environment: Environment) -> Iterator[Finding]:
    """A primary has at most 15 replicas."""
    if (use := environment.module("replica")) and len(use.instances) > _MOST_REPLICAS:
        where = use.where(use.instances[_MOST_REPLICAS])
        what = f"there are {len(use.instances)} replicas; a primary has at most {_MOST_REPLICAS}"
        yield Finding(where, what, f"keep {_MOST_REPLICAS} of them", key=True)


@rule(
    "FB241",
    "the stack's name is too long",
    "environment",
    "project",
    why="A serverless cache has a name of at most 40 characters, an RDS instance an identifier "
    "of at most 63, an IAM role a name of at most 64. A plan does not know the first two.",
    source="https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/"
    "API_CreateServerlessCache.html",
    accepted={"project": "p" * 29},
    refused={"project": "p" * 30},
)
def stack_name(environment: Environment) -> Iterator[Finding]:
    """Project and environment together leave room for the names made of them."""
    name = environment.stack_name
    what, most = min(_ROOM.items(), key=lambda room: room[1])
    if environment.project and environment.name and len(name) > most:
        message = f"the stack's name {name} has {len(name)} characters; {what} allows {most}"
        yield Finding(("project",), message, "shorten the project's or the environment's name")


@rule(
    "FB242",
    "the stack's name begins as an id of AWS",
    "project",
    why="AWS refuses a security group whose name begins with sg-, as its ids do.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
    accepted={"project": "sga"},
    refused={"project": "sg"},
)
def group_name(environment: Environment) -> Iterator[Finding]:
    """The stack's name does not begin with sg-."""
    if environment.project and environment.stack_name.startswith("sg-"):
        message = f"names of security groups would begin with {environment.stack_name}, like ids"
        yield Finding(("project",), message, "give the project another name")


RULES: Final[tuple[Rule, ...]] = (replicas, stack_name, group_name)
