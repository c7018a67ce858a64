"""Rules about the limits and the description of the cache."""

from __future__ import annotations

import re
from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules.inputs import values
from finbase.environment.rules.rule import AWS, Finding, Findings, rule

_LIMITS: Final = {"data_storage_maximum_gb": 5_000, "ecpu_per_second_maximum": 15_000_000}
"""The limits that AWS sets for every serverless cache, in GB and in units per second."""


@rule(
    "FB230",
    "cache without a limit of its own",
    *(f"cache.{name}" for name in _LIMITS),
    why="Every serverless cache has these limits. The same number in a stack limits neither the "
    "cost nor the load. `finbase check` fails F07a for such an environment.",
    source=f"{AWS}AmazonElastiCache/latest/dg/Scaling.html",
    accepted={"cache.data_storage_maximum_gb": 4_999},
    refused={"cache.data_storage_maximum_gb": 5_000},
    yaml_only="the released modules accept the number",
)
def own_limits(environment: Environment) -> Findings:
    """The limits of a cache must be lower than those that AWS sets for every cache."""
    for name, most in _LIMITS.items():
        for where, value in values(environment, int, f"cache.{name}"):
            if value >= most:
                message = f"`{name}` must be lower than the limit of AWS, {most}"
                yield Finding(where, message, f"write {most - 1} or less")


@rule(
    "FB244",
    "the description of the cache has no letter",
    "cache.description",
    why="A description such as `$` does not say what the cache is for, so F07b fails.",
    source=f"{AWS}AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
    accepted={"cache.description": "Sessions"},
    refused={"cache.description": "$"},
    yaml_only="a new major version of the module would be needed for it",
)
def cache_description(environment: Environment) -> Findings:
    """The description of the cache must contain a letter."""
    for where, text in values(environment, str, "cache.description"):
        if text and not re.search("[A-Za-z]", text):
            message = f"description {text!r} has no letter"
            yield Finding(where, message, "write what the cache is for, such as Sessions")
