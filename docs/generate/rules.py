"""The page of rules, bounds and notes: ``docs/reference/rules.md`` below its head."""

from __future__ import annotations

from collections.abc import Sequence

from docs.generate.markdown import page as join
from finbase.contract.registry import Registry
from finbase.environment.rules.handbook import Bound, bounds, readings
from finbase.environment.rules.index import RULES, TITLES
from finbase.environment.rules.rule import Change, Rule
from finbase.render.markdown import code, table
from finbase.render.validation import describe_constraint
from finbase.report.examples import scalar


def page(registry: Registry) -> str:
    """Return all rules, bounds, notes and reasons to refuse a file, as Markdown."""
    return join(
        "## Rules\n\nNo schema can express these rules, and a plan accepts what they refuse.",
        *(_section(rule) for rule in RULES if not rule.note),
        "## Bounds\n\nBounds limit single values. The modules check the same bounds in "
        "`validation` blocks, except for values at the top of the file, which go to the stack.",
        table(
            ("value", "demand", "why", "nearest accepted", "nearest refused"),
            map(_bound, bounds(registry)),
        ),
        "## Notes\n\nA note reports something that finbase cannot decide, or that may be intended. "
        "It is written to standard error and changes neither the rendered files nor the exit code.",
        *(_section(rule) for rule in RULES if rule.note),
        "## Reading\n\nThese errors refuse a file before any rule is checked.",
        table(("code", "what", "why"), ((r.code, TITLES[r.code], r.why) for r in readings())),
    )


def _section(rule: Rule) -> str:
    in_modules = "" if rule.note else " The modules check it, too."
    if rule.yaml_only and not rule.note:
        in_modules = f" The modules do not check it: {rule.yaml_only}."
    both = (rule.accepted, rule.refused)
    return (
        f"### {rule.code}: {rule.title}\n\n"
        f"{rule.demand} {rule.why}{in_modules} [Source]({rule.source}).\n\n"
        f"- about: {', '.join(map(code, rule.inputs))}\n"
        f"- accepted: {_example(rule.accepted, both)}\n"
        f"- {'noted' if rule.note else 'refused'}: {_example(rule.refused, both)}"
    )


def _bound(bound: Bound) -> tuple[str, ...]:
    every = [change[list(change)[-1]] for change in (*bound.accepted, *bound.refused)]
    accepted, refused = (
        ", ".join(code(scalar(change[list(change)[-1]], every)) for change in changes)
        for changes in (bound.accepted, bound.refused)
    )
    why = f"{bound.why} [Source]({bound.source})."
    return code(bound.name), describe_constraint(bound.input), why, accepted, refused


def _example(change: Change, among: Sequence[Change]) -> str:
    return ", ".join(
        code(f"{name}: {scalar(value, [other.get(name) for other in among])}")
        for name, value in change.items()
    )
