"""The combinations of Terraform and provider that finbase was run with, from ``supported.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from finbase.source.cache import load_yaml


@dataclass(frozen=True)
class Combination:
    """A program, its version, the version of the AWS provider, and what was run with them."""

    product: str
    version: str
    provider: str
    run: str

    def __str__(self) -> str:
        """Return the text for a message."""
        return f"{self.product} {self.version} with provider {self.provider}"


@cache
def combinations() -> tuple[Combination, ...]:
    """Return all combinations."""
    entries = load_yaml(Path(__file__).with_name("supported.yaml").read_bytes())
    return tuple(Combination(**entry) for entry in entries)


def unproven(version: str, provider: str = "", product: str = "Terraform") -> str:
    """Return a note about a combination that finbase was not run with, or an empty string.

    An empty ``provider`` stands for any.

    >>> unproven("1.11.4", "5.100.0"), unproven("1.15.5")
    ('', '')
    >>> unproven("1.99.0").partition(";")[0]
    'finbase was not run with Terraform 1.99.0'
    """
    for known in combinations():
        fits = provider in ("", known.provider)
        if fits and (known.product, known.version) == (product, version):
            return ""
    of = f" and provider {provider}" if provider else ""
    proven = ", ".join(map(str, combinations()))
    return f"finbase was not run with {product} {version}{of}; it was run with {proven}"
