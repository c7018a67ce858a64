"""Steps about the connection secret: what is in it, and where its host comes from.

No plan shows what is written to a secret. This stack therefore writes a local, whose public
part is planned as ``terraform_data`` and whose field names and host are outputs of the stack.
These steps follow that trail: the expression that is written must be that local and nothing
else, and so must the expressions of the outputs. What they cannot see is a field other than
the host that the local overwrites with another text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))

from addresses import prefix
from findings import Finding, check
from kinds import listed, of_kind, origins
from stack_graph import UNKNOWN, Resource, Stack
from wiring import CONNECTION, SECRET, possible, rotations

_VERSION = "aws_secretsmanager_secret_version"
_PUBLIC = "terraform_data"


@check("the connection secret has the fields {names:ANY} and no others")
def fields(stack: Stack, names: str) -> Iterator[Finding]:
    """An output lists the fields of the local that is written."""
    for version in _versions(stack):
        written = origins(stack, version, "secret_string_wo")
        shown = [
            (name, [str(each) for each in value])
            for name, value, found in stack.outputs()
            if [origin.text for origin in found] == [written] and isinstance(value, list)
        ]
        if not shown or "local." not in written:
            yield Finding(False, f"{version.address}: no output lists the fields of {written}")
        for name, value in shown:
            text = f"{version.address}: {written} has {listed(value)} (output {name})"
            yield Finding(set(value) == set(re.split(r", | and ", names)), text)


@check("the public part of the connection secret names the engine {engine:PROPERTY}")
def engine(stack: Stack, engine: str) -> Iterator[Finding]:
    """The field ``engine`` tells clients which driver to use."""
    for public in stack.all(_PUBLIC, CONNECTION):
        planned = public.planned("input.engine")
        yield Finding(planned == engine, f"{public.address}: engine = {planned}")


@check("the public part of the connection secret agrees with the primary")
def agreement(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Each field of the table has the value of an argument of the primary."""
    for public in stack.all(_PUBLIC, CONNECTION):
        taken = _ends(stack, public)
        for primary in of_kind(stack, "primary"):
            for row in table:
                ours = public.planned(f"input.{row['field']}")
                theirs = primary.planned(row["argument"])
                same = ours == theirs is not None
                fine = same and (theirs is not UNKNOWN or (primary, row["argument"]) in taken)
                text = f"{public.address}: {row['field']} = {ours}, {primary.address}: {theirs}"
                yield Finding(fine, text)


@check("the host in the connection secret is the address of the primary")
def host(stack: Stack) -> Iterator[Finding]:
    """By reference; and nothing else that is known after apply can stand there instead."""
    for public in stack.all(_PUBLIC, CONNECTION):
        planned = public.planned("input.host")
        unknown: Any = public.unknown.get("input", {})
        parts = unknown if isinstance(unknown, Mapping) else {}
        others = [name for name in parts if name != "host"]
        for primary in of_kind(stack, "primary"):
            own = (primary, "address")
            ends = [e for e in _ends(stack, public) if e == own or e[0].planned(e[1]) is UNKNOWN]
            known = planned == primary.planned("address")
            shown = known and unknown is not True  # Unknown as a whole, it may hold anything.
            fine = shown and own in ends and len(ends) - 1 <= len(others)
            source = listed(f"{resource.address}.{attribute}" for resource, attribute in ends)
            yield Finding(fine, f"{public.address}: host = {planned}, from {source or 'a literal'}")


@check("the host is not known before the primary is")
def host_is_shown(stack: Stack) -> Iterator[Finding]:
    """An output shows the host of the local, which no text overwrites."""
    addresses = {primary.planned("address") for primary in of_kind(stack, "primary")}
    for version in stack.all(_VERSION, CONNECTION):
        local = re.compile(re.escape(prefix(version.module)) + r"local\.[\w-]+\.host")
        shown = [
            (name, value, found[0].text)
            for name, value, found in stack.outputs()
            if len(found) == 1 and local.fullmatch(found[0].text)
        ]
        if not shown:
            yield Finding(False, f"{version.address}: no output shows the host that is written")
        for name, value, source in shown:
            text = f"{version.address}: {source} = {value} (output {name})"
            yield Finding([value] == [*addresses], text)


@check("the rotation of the connection secret waits for its first version")
def rotation_waits(stack: Stack) -> Iterator[Finding]:
    """Otherwise the function could find an empty secret."""
    first = f"{_VERSION}.{CONNECTION}"
    for secret in stack.all(SECRET, CONNECTION):
        found = rotations(stack, secret)
        if not found:
            yield Finding(True, f"{secret.address}: no rotation that could come too early")
        for each in found:
            text = f"{each.address}: depends on {listed(each.depends_on) or 'nothing'}"
            yield Finding(first in each.depends_on, text)


def _versions(stack: Stack) -> list[Resource]:
    """Return every version of the connection secret, whatever it is named."""
    found = list(stack.all(_VERSION, CONNECTION))
    for secret in stack.all(SECRET, CONNECTION):
        written = possible(stack, (_VERSION, "secret_id"), secret)
        found += [each for each in written if each not in found]
    return found


def _ends(stack: Stack, public: Resource) -> list[tuple[Resource, str]]:
    """Return every attribute that the public part takes a value from."""
    return [
        (resource, origin.attribute)
        for origin in stack.trace(public, "input")
        for resource in origin.resources
    ]
