"""Steps about the fields of the connection secret and the origin of its host.

A plan does not show what is written to a secret. This stack therefore writes a local. A
``terraform_data`` resource plans the public part of this local, and outputs of the stack list its
field names and its host. These steps require that the secret and the outputs take their values
from this local and nothing else. One gap is left: the local may overwrite a field other than the
host with another text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from databases import of_same
from findings import PRIMARY, Finding, absence, check
from kinds import listed, of_kind, origins
from rotation_parts import CONNECTION, CONNECTION_SECRET, SECRET, possible, rotations
from stack_graph import UNKNOWN, Resource, Stack, prefix, shown

_VERSION = "aws_secretsmanager_secret_version"
_PUBLIC = "terraform_data"


def _missing(version: str = "", *, public: bool = False) -> Callable[[Stack], str]:
    """Return a function that says which part of the connection secret the plan lacks."""

    def why(stack: Stack) -> str:
        if not stack.all(SECRET, CONNECTION):
            return f"the plan has no {CONNECTION_SECRET}"
        if public and stack.all(_PUBLIC, CONNECTION):
            return absence(PRIMARY, stack)
        part = f"public part ({_PUBLIC}.{CONNECTION})" if public else f"version ({version})"
        return f"the plan has no {part} of the connection secret"

    return why


@check("the connection secret has exactly the fields {names:ANY}", _missing(_VERSION))
def fields(stack: Stack, names: str) -> Iterator[Finding]:
    """Read the fields from the output that lists those of the written local."""
    for version in _versions(stack):
        written = origins(stack, version, "secret_string_wo") or "no secret_string_wo"
        lists = [
            (name, [str(field) for field in value])
            for name, value, sources in stack.outputs()
            if [origin.text for origin in sources] == [written] and isinstance(value, list)
        ]
        if not lists or "local." not in written:
            text = (
                f"no output lists the fields of {written}; write the secret from a local, and add "
                "an output with keys() of that local"
            )
            yield Finding(False, f"{version.address}: {text}")
        for name, value in lists:
            fine = set(value) == set(re.split(r", | and ", names))
            text = f"{version.address}: {written} has {listed(value)} (output {name})"
            yield Finding(fine, text if fine else f"{text}; the fields must be {names}")


@check(
    "the public part of the connection secret has the engine {engine:PROPERTY}",
    _missing(public=True),
)
def engine(stack: Stack, engine: str) -> Iterator[Finding]:
    """Require the field ``engine``, by which clients choose a driver."""
    for public in stack.all(_PUBLIC, CONNECTION):
        planned = public.planned("input.engine")
        fix = "" if planned == engine else f"; set it to {engine}"
        yield Finding(planned == engine, f"{public.address}: engine = {shown(planned)}{fix}")


@check("the public part of the connection secret matches the primary", _missing(public=True))
def agreement(stack: Stack, table: Sequence[dict[str, str]]) -> Iterator[Finding]:
    """Require for each field of the table the value of an argument of the primary."""
    for public in stack.all(_PUBLIC, CONNECTION):
        sources = _sources(stack, public)
        for primary in of_same(stack, public, of_kind(stack, "primary")):
            for row in table:
                own = public.planned(f"input.{row['field']}")
                expected = primary.planned(row["argument"])
                equal = own == expected is not None
                referenced = (primary, row["argument"]) in sources
                fine = equal and (expected is not UNKNOWN or referenced)
                text = f"{public.address}: {row['field']} = {shown(own)}; "
                text += f"{primary.address} has {shown(expected)}"
                fix = f"; take {row['field']} from {row['argument']} of the primary"
                yield Finding(fine, text if fine else text + fix)
        yield from _unwritten(stack, public)


def _unwritten(stack: Stack, public: Resource) -> Iterator[Finding]:
    """Refuse a change of the public part that no version of the secret writes.

    A version is write-only, so Terraform writes it again only if its number changes.
    """
    before = public.before.get("input")
    before = before if isinstance(before, Mapping) else {}
    planned = public.planned("input")
    names = [*before, *(planned if before and isinstance(planned, Mapping) else ())]
    now = {name: public.planned(f"input.{name}") for name in names}
    changed = [
        f"{name} from {shown(before.get(name))} to {shown(now[name])}"
        for name in now
        if now[name] != before.get(name)
    ]
    number = "secret_string_wo_version"
    for version in of_same(stack, public, _versions(stack)) if changed else ():
        generation = version.planned(number)
        if version.planned("id") is UNKNOWN:
            continue
        if generation == version.before.get(number):
            text = f"{version.address} keeps the old values, but the plan changes {listed(changed)}"
            yield Finding(False, f"{text}; raise database.password_generation in the same plan")
        elif generation is UNKNOWN:
            text = f"{version.address}: {number} is not shown by this plan, which changes"
            yield Finding(False, f"{text} {listed(changed)}; set it to a number or a variable")


@check("the host in the connection secret is the address of the primary", _missing(public=True))
def host(stack: Stack) -> Iterator[Finding]:
    """Require a reference to the address, and no other value that is unknown until apply."""
    for public in stack.all(_PUBLIC, CONNECTION):
        planned = public.planned("input.host")
        unknown: Any = public.unknown.get("input", {})
        parts = unknown if isinstance(unknown, Mapping) else {}
        others = [name for name in parts if name != "host"]
        for primary in of_same(stack, public, of_kind(stack, "primary")):
            address = (primary, "address")
            sources = [
                source
                for source in _sources(stack, public)
                if source == address or source[0].planned(source[1]) is UNKNOWN
            ]
            # If the input is unknown as a whole, any of its fields may hold any value.
            comparable = planned == primary.planned("address") and unknown is not True
            fine = comparable and address in sources and len(sources) - 1 <= len(others)
            now = listed(f"{resource.address}.{attribute}" for resource, attribute in sources)
            text = f"{public.address}: host = {shown(planned)}, from {now or 'a literal'}"
            yield Finding(fine, text if fine else f"{text}; take it from {primary.address}.address")


@check(
    "the output of the host has the address of the primary as its value",
    _missing(f"{_VERSION}.{CONNECTION}"),
)
def host_is_shown(stack: Stack) -> Iterator[Finding]:
    """Require an output of the local's host, which proves that no text overwrites it."""
    for version in stack.all(_VERSION, CONNECTION):
        primaries = of_same(stack, version, of_kind(stack, "primary"))
        addresses = {primary.planned("address") for primary in primaries}
        local = re.compile(re.escape(prefix(version.module)) + r"local\.[\w-]+\.host")
        outputs = [
            (name, value, sources[0].text)
            for name, value, sources in stack.outputs()
            if len(sources) == 1 and local.fullmatch(sources[0].text)
        ]
        if not outputs:
            text = "no output shows the host; add one with the host of the local that is written"
            yield Finding(False, f"{version.address}: {text}")
        for name, value, source in outputs:
            fine = [value] == [*addresses]
            text = f"{version.address}: {source} = {shown(value)} (output {name})"
            yield Finding(fine, text if fine else f"{text}; it must be the primary's address")


@check("the rotation depends on the first version of the connection secret", CONNECTION_SECRET)
def rotation_waits(stack: Stack) -> Iterator[Finding]:
    """Require ``depends_on``: otherwise the function could read an empty secret."""
    first = f"{_VERSION}.{CONNECTION}"
    for secret in stack.all(SECRET, CONNECTION):
        secret_rotations = rotations(stack, secret)
        if not secret_rotations:
            yield Finding(True, f"{secret.address}: no rotation that could come too early")
        for rotation in secret_rotations:
            fine = first in rotation.depends_on
            text = f"{rotation.address}: depends_on {listed(rotation.depends_on) or 'nothing'}"
            yield Finding(fine, text if fine else f"{text}; it must list {first}")


def _versions(stack: Stack) -> list[Resource]:
    """Return every version of the connection secret, under any name."""
    versions = list(stack.all(_VERSION, CONNECTION))
    for secret in stack.all(SECRET, CONNECTION):
        of_secret = possible(stack, (_VERSION, "secret_id"), secret)
        versions += [version for version in of_secret if version not in versions]
    return versions


def _sources(stack: Stack, public: Resource) -> list[tuple[Resource, str]]:
    """Return every attribute that the public part takes a value from."""
    return [
        (resource, origin.attribute)
        for origin in stack.trace(public, "input")
        for resource in origin.resources
    ]
