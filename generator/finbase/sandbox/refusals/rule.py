"""A request as the rules see it, the form of a rule, and the error of a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import ServiceException

from finbase.aws.catalogue import AwsCatalogue


class Refusal(ServiceException):
    """AWS's error for a request that it does not accept; takes its code and message."""


@dataclass(frozen=True)
class Request:
    """One call: ``params`` are its input by the names of the service model.

    ``catalogue`` is what AWS offers, by the lists of finbase and of the project.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    account: str
    region: str
    catalogue: AwsCatalogue = field(default_factory=AwsCatalogue)


Check = Callable[[Request], str | None]
"""Return AWS's message if the request breaks the rule, or None."""


@dataclass(frozen=True)
class Rule:
    """What AWS refuses beyond its service model.

    ``says`` is what AWS requires, and ``source`` the page that says so.
    """

    name: str
    service: str
    operations: tuple[str, ...]
    code: str
    check: Check
    source: str
    says: str

    def applies_to(self, request: Request) -> bool:
        """Return whether the rule is about the request's operation."""
        return request.service == self.service and request.operation in self.operations
