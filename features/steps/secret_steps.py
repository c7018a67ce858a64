"""Steps about the connection secret: what is in it, and where its host comes from.

No plan shows what is written to a secret. This stack therefore writes a local, whose public
part is planned as ``terraform_data`` and whose field names and host are outputs of the stack.
These steps follow that trail: the expression that is written must be that local and nothing
else, and so must the expressions of the outputs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from findings import Finding, check
from kinds import listed, of_kind, origins
from stack_graph import UNKNOWN, Stack

_VERSION = "aws_secretsmanager_secret_version"
_ROTATION = "aws_secretsmanager_secret_rotation"
_NAME = "connection"


@check("the connection secret has the fields {names:ANY} and no others")
def fields(stack: Stack, names: str) -> Iterator[Finding]:
    """An output lists the fields of the local that is written."""
    for version in stack.all(_VERSION, _NAME):
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
    for public in stack.all("terraform_data", _NAME):
        planned = public.planned("input.engine")
        yield Finding(planned == engine, f"{public.address}: engine = {planned}")


@check("the public part of the connection secret agrees with the primary")
def agreement(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Each field of the table has the value of an argument of the primary."""
    for public in stack.all("terraform_data", _NAME):
        for primary in of_kind(stack, "primary"):
            for row in table:
                ours = public.planned(f"input.{row['field']}")
                theirs = primary.planned(row["argument"])
                text = f"{public.address}: {row['field']} = {ours}, {primary.address}: {theirs}"
                yield Finding(ours == theirs and ours not in (None, UNKNOWN), text)


@check("the host in the connection secret is the address of the primary")
def host(stack: Stack) -> Iterator[Finding]:
    """By reference; so it stays unknown until the instance exists, and no text stands for it."""
    for public in stack.all("terraform_data", _NAME):
        planned = public.planned("input.host")
        open_ends = {
            f"{each.address}.{origin.attribute}"
            for origin in stack.trace(public, "input")
            for each in origin.resources
            if each.planned(origin.attribute) is UNKNOWN or origin.attribute == "address"
        }
        for primary in of_kind(stack, "primary"):
            theirs = primary.planned("address")
            fine = open_ends == {f"{primary.address}.address"} and planned == theirs
            source = listed(sorted(open_ends)) or "no attribute of a resource"
            yield Finding(fine, f"{public.address}: host = {planned}, from {source}")


@check("the host is not known before the primary is")
def host_is_shown(stack: Stack) -> Iterator[Finding]:
    """An output shows the host of the local that is written."""
    for version in stack.all(_VERSION, _NAME):
        written = origins(stack, version, "secret_string_wo")
        shown = [
            (name, value)
            for name, value, found in stack.outputs()
            if [origin.text for origin in found] == [f"{written}.host"]
        ]
        if not shown:
            yield Finding(False, f"{version.address}: no output shows the host of {written}")
        known = {primary.planned("address") for primary in of_kind(stack, "primary")}
        for name, value in shown:
            text = f"{version.address}: {written}.host = {value} (output {name})"
            yield Finding({value} == known, text)


@check("the rotation of the connection secret waits for its first version")
def rotation_waits(stack: Stack) -> Iterator[Finding]:
    """Otherwise the rotation could begin with an empty secret."""
    for rotation in stack.all(_ROTATION, _NAME):
        first = f"{_VERSION}.{_NAME}"
        text = f"{rotation.address}: depends on {listed(rotation.depends_on) or 'nothing'}"
        yield Finding(first in rotation.depends_on, text)
