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

    def of(self, backends: Any) -> Any:
        """Return the one of moto's backends of a service that the request is for."""
        return backends[self.account][self.region]


Check = Callable[[Request], str | None]
"""Return AWS's message if the request breaks the rule, or None."""

VALUE, COMBINATION = "InvalidParameterValue", "InvalidParameterCombination"
API = "AmazonRDS/latest/APIReference/API_"
COPIES = (
    "CreateDBInstanceReadReplica RestoreDBInstanceFromDBSnapshot RestoreDBInstanceToPointInTime"
)
INSTANCES = f"rds CreateDBInstance {COPIES} ModifyDBInstance"
"""All operations that make or change an instance."""


@dataclass(frozen=True)
class Rule:
    """What AWS refuses beyond its service model.

    ``says`` is what AWS requires, and ``source`` the page that says so. The operation ``*`` stands
    for all.
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
        return request.service == self.service and (
            request.operation in self.operations or self.operations == ("*",)
        )


def rule(of: str, code: str, source: str) -> Callable[[Check], Rule]:
    """Make a function the rule of its name, which says the first line of its docstring.

    ``of`` is the service and its operations, as in ``rules.yaml``; ``source`` is for ``page``.
    """
    service, *operations = of.split()

    def decorate(check: Check) -> Rule:
        name = getattr(check, "__name__", "").replace("_", "-")
        says = (check.__doc__ or "").partition("\n")[0].rstrip(".")
        return Rule(
            f"{service}-{name}", service, tuple(operations), code, check, page(source), says
        )

    return decorate


def page(source: str) -> str:
    """Return the address of a page of AWS's documentation, or of a thread on GitHub."""
    host = "docs.aws.amazon.com" if "latest" in source else "github.com"
    return f"https://{host}/{source}"
