"""Divide the modules of a stack by the database that each belongs to.

A stack calls the modules of a further database once more, with its name: ``database_reports``,
``secret_reports``. Each database is judged with its own modules. The first one has no name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from stack_graph import Resource, Stack, once

_SOURCE = re.compile(r"(?:.*[/:])?modules/([\w-]+)/(\d+\.\d+\.\d+)/?(?:\?.*)?")
SHARED = ("kms", "network", "cache")
"""Modules of the design that all databases use."""
_ONCE = (*SHARED, "replica")
"""Modules that no further database has: replicas are of the first one."""
PARTS = {"secret": "F06b", "access": "F02", "monitoring": "F09"}
"""Modules that each database must have, and the control that fails without them."""
OF_ONE = ("database", "replica", "roles", *PARTS)
"""Modules of the design that belong to one database."""


def module_of(source: object) -> tuple[str, str]:
    """Return the name and the version in the source of a module; empty if it is not one.

    >>> module_of("../../modules/database/3.1.0"), module_of("./database")
    (('database', '3.1.0'), ('', ''))
    """
    match = _SOURCE.fullmatch(str(source))
    return (match[1], match[2]) if match else ("", "")


@once
def further(stack: Stack) -> tuple[str, ...]:
    """Return the names of all databases but the first, as the calls have them."""
    calls = stack.configuration.get("module_calls", {})
    found = [label for label in calls if module_of(calls[label].get("source"))[0] == "database"]
    first = "database" if "database" in found else next(iter(found), "")
    named = (label.removeprefix("database_") for label in found if label.startswith("database_"))
    return tuple(name for name in named if f"database_{name}" != first)


def database_of(stack: Stack, path: tuple[str, ...]) -> str:
    """Return the name of the further database that a module call belongs to, or empty."""
    if not path or not (names := further(stack)):
        return ""
    label = path[0]
    source = stack.configuration["module_calls"].get(label, {}).get("source")
    module, _ = module_of(source)
    if not module or module in _ONCE:
        return ""
    return next((name for name in names if label == f"{module}_{name}"), "")


def owners(stack: Stack) -> dict[str, str]:
    """Return the database of each module call that belongs to one; empty if there is one only.

    A module of the project itself belongs to the first one if each further one has it as well.
    """
    calls = stack.configuration.get("module_calls", {})
    modules = {label: module_of(call.get("source"))[0] for label, call in calls.items()}
    of = {label: database_of(stack, (label,)) for label in calls if further(stack)}
    repeated = {*OF_ONE, *(modules[label] for label, name in of.items() if name)}
    return {label: name for label, name in of.items() if modules[label] in repeated}


def of_same(stack: Stack, one: Resource, others: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources that belong to the same database as another one."""
    own = database_of(stack, one.calls)
    return tuple(other for other in others if database_of(stack, other.calls) == own)
