"""The demands on an environment file, as people look them up: a list, an explanation, a page."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence

from finbase.contract.contract import Input
from finbase.contract.registry import Registry
from finbase.environment.rules.handbook import Bound, Reading, bounds, find_input, readings
from finbase.environment.rules.index import RULES, TITLES
from finbase.environment.rules.rule import Change, Rule
from finbase.errors import FinbaseError
from finbase.render.validation import words
from finbase.report import catalogue, document
from finbase.source.scalars import closest, shown

__all__ = ["SCHEMA_VERSION", "explain", "listing", "page", "render_json"]

SCHEMA_VERSION = 1
_FEW = 6


def listing(registry: Registry, width: int) -> str:
    """Every rule, bound, note and reason to refuse a file, one on a line of that width."""
    errors = [(r.code, r.title, ", ".join(r.inputs)) for r in RULES if not r.note]
    notes = [(r.code, r.title, ", ".join(r.inputs)) for r in RULES if r.note]
    held = [(b.name, " ".join(b.codes), words(b.given)) for b in bounds(registry)]
    reading = [(r.code, TITLES[r.code], "") for r in readings()]
    parts = (
        ("Rules, which no schema can say", errors),
        ("Bounds of single values, with the codes of their breaches", held),
        ("Notes, which refuse nothing", notes),
        ("Reading the file, and its modules", reading),
    )
    return "\n\n".join(f"{title}\n{_table(rows, width)}" for title, rows in parts)


def render_json(registry: Registry) -> str:
    """Return the JSON document as text: what ``listing`` says."""
    return document.render(
        SCHEMA_VERSION,
        rules=[
            {"code": r.code, "title": r.title, "inputs": list(r.inputs), "note": bool(r.note)}
            for r in RULES
        ],
        bounds=[
            {"input": b.name, "codes": list(b.codes), "demand": words(b.given)}
            for b in bounds(registry)
        ],
        readings=[{"code": r.code, "title": TITLES[r.code]} for r in readings()],
    )


def explain(name: str, registry: Registry, width: int) -> str:
    """What a code, an input or a failure of the catalogue demands, and where that can be read.

    Upper and lower case are the same. Raises ``FinbaseError`` for what is none of them.
    """
    held = {bound.name: bound for bound in bounds(registry)}
    for rule in RULES:
        if rule.code == name.upper():
            return _of_rule(rule, width)
    for reading in readings():
        if reading.code == name.upper():
            return _of_reading(reading, held.values(), width)
    if bound := held.get(name.lower()):
        return _of_bound(bound, width)
    module, _, rest = name.lower().partition(".")
    if module in registry.names and (given := find_input(registry, f"{module}.{rest}")):
        return _of_input(module, given, width)
    root = registry.releases.parent
    failures = {failure.id.upper(): failure for failure in catalogue.known(root)}
    if failure := failures.get(name.upper()):
        about = list(catalogue.about(failure, root))
        return _entry(f"{failure.id}: {failure.title}", "", about, width)
    ids = [failure.id for failure in failures.values()]
    near = closest(name.upper(), [*TITLES, *ids]) or closest(name.lower(), held)
    hint = f"{near} " if near else ""
    raise FinbaseError(
        f"{shown(name)} is neither a code nor an input, nor a failure of the catalogue",
        f"{hint}`finbase rules` lists them all, and features/failures.yaml the failures",
    )


def page(registry: Registry) -> str:
    """All of it in Markdown, for ``docs/rules.md``."""
    parts = [
        "## Rules\n\nNo schema can say them, and a plan accepts what they refuse.",
        *(_section(rule) for rule in RULES if not rule.note),
        "## Bounds\n\nWhat single values are held to. The modules hold the same bounds in "
        "`validation` blocks, but for those of the file's top, which goes to the stack.\n\n"
        "| value | demand | why | nearest accepted | nearest refused |\n|---|---|---|---|---|\n"
        + "\n".join(_row(bound) for bound in bounds(registry)),
        "## Notes\n\nWhat cannot be known here, or may be meant so. A note is told on standard "
        "error and changes neither what is rendered nor the exit code.",
        *(_section(rule) for rule in RULES if rule.note),
        "## Reading\n\nWhat a file is refused for before any of the above is asked.\n\n"
        "| code | what | why |\n|---|---|---|\n"
        + "\n".join(f"| {r.code} | {TITLES[r.code]} | {_cell(r.why)} |" for r in readings()),
    ]
    return "\n\n".join(parts) + "\n"


def _of_rule(rule: Rule, width: int) -> str:
    also = f"no: {rule.yaml_only}" if rule.yaml_only else "yes"
    about = [
        ("why", rule.why),
        ("about", ", ".join(rule.inputs)),
        ("accepted", _shown(rule.accepted)),
        ("noted" if rule.note else "refused", _shown(rule.refused)),
        ("in the modules", also),
        ("source", rule.source),
    ]
    return _entry(f"{rule.code}: {rule.title}", rule.demand, about, width)


def _of_bound(bound: Bound, width: int) -> str:
    about = [
        ("why", bound.why),
        ("accepted", "\n".join(_shown(change) for change in bound.accepted)),
        ("refused", "\n".join(_shown(change) for change in bound.refused)),
        ("told as", ", ".join(bound.codes)),
        ("source", bound.source),
    ]
    if related := [rule.code for rule in RULES if bound.name in rule.inputs]:
        about.append(("see also", ", ".join(related)))
    return _entry(f"{bound.name}: {bound.given.description}", words(bound.given), about, width)


def _of_input(module: str, given: Input, width: int) -> str:
    """What the contract says of an input that the handbook says no more about."""
    default = "none, it must be given" if given.required else _scalar(given.default)
    about = [("default", default)]
    name = f"{module}.{given.name}"
    if related := [rule.code for rule in RULES if name in rule.inputs]:
        about.append(("see also", ", ".join(related)))
    return _entry(f"{name}: {given.description}", words(given), about, width)


def _of_reading(reading: Reading, held: Iterable[Bound], width: int) -> str:
    inputs = [bound.name for bound in held if reading.code in bound.codes]
    about = [
        ("why", reading.why),
        ("accepted", _shown(reading.accepted)),
        ("refused", _shown(reading.refused)),
        ("source", reading.source or "finbase itself"),
    ]
    if inputs:
        about.insert(1, ("about", ", ".join(inputs)))
        about.append(("more", "`finbase explain` with one of the inputs tells why it is held so"))
    return _entry(f"{reading.code}: {TITLES[reading.code]}", "", about, width)


def _entry(title: str, demand: str, about: Sequence[tuple[str, str]], width: int) -> str:
    """A title, and below it what there is to say, in two columns."""
    edge = max(len(name) for name, _ in about) + 4
    lines = [title, *([demand] if demand else []), ""]
    for name, text in about:
        first, *rest = _wrapped(text, width - edge)
        lines += [f"  {name:<{edge - 2}}{first}", *(" " * edge + line for line in rest)]
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of a text; an indented line and a word stay whole."""
    lines: list[str] = []
    for line in text.splitlines():
        indented = line.startswith(" ")
        whole = (
            [line]
            if indented
            else textwrap.wrap(line, max(width, 30), break_long_words=False, break_on_hyphens=False)
        )
        lines += whole or [""]
    return lines or [""]


def _table(rows: Sequence[tuple[str, str, str]], width: int) -> str:
    """Rows of three columns, of which the last takes what the others leave of the width."""
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    edge = first + second + 6
    lines: list[str] = []
    for name, about, text in rows:
        head, *rest = _wrapped(text, width - edge)
        lines.append(f"  {name:<{first}}  {about:<{second}}  {head}".rstrip())
        lines += [" " * edge + line for line in rest]
    return "\n".join(lines)


def _section(rule: Rule) -> str:
    also = f" The modules do not hold it: {rule.yaml_only}." if rule.yaml_only else ""
    also = "" if rule.note else also or " The modules hold it too."
    refused = "noted" if rule.note else "refused"
    return (
        f"### {rule.code}: {rule.title}\n\n"
        f"{rule.demand} {rule.why}{also} [Source]({rule.source}).\n\n"
        f"- about: {', '.join(f'`{name}`' for name in rule.inputs)}\n"
        f"- accepted: {_code(rule.accepted)}\n"
        f"- {refused}: {_code(rule.refused)}"
    )


def _row(bound: Bound) -> str:
    accepted, refused = (
        ", ".join(f"`{_scalar(change[list(change)[-1]])}`" for change in changes)
        for changes in (bound.accepted, bound.refused)
    )
    why = f"{bound.why} [Source]({bound.source})."
    cells = (f"`{bound.name}`", words(bound.given), why, accepted, refused)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _shown(example: str | Change) -> str:
    if isinstance(example, str):
        return example.replace("\t", "<tab>")
    return "\n".join(f"{name}: {_scalar(value)}" for name, value in example.items())


def _code(change: Change) -> str:
    return ", ".join(f"`{name}: {_scalar(value)}`" for name, value in change.items())


def _scalar(value: object) -> str:
    """A value on one line; of a mapping of mappings the keys alone."""
    if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
        names = list(value)
        few = len(names) <= _FEW
        return ", ".join(names) if few else f"{names[0]} to {names[-1]}, {len(names)} in all"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
