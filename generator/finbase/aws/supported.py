"""The combinations of Terraform and provider that finbase was run with, from ``supported.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path


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
    import yaml

    entries = yaml.safe_load((Path(__file__).parent / "supported.yaml").read_bytes())
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
        if (known.product, known.version) == (product, version) and provider in (
            "",
            known.provider,
        ):
            return ""
    of = f" and provider {provider}" if provider else ""
    proven = ", ".join(map(str, combinations()))
    return f"finbase was not run with {product} {version}{of}; it was run with {proven}"
