"""Read a plan as ``terraform show -json`` prints it, and check that it is complete.

A scenario that passes on half a plan proves nothing. So a plan must be strict JSON, have the shape
that Terraform writes (``plan_schema.json``), and agree with itself.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from finbase.errors import ComplianceError
from finbase.plan.consistency import disagreements
from finbase.plan.kinds import absence_of_stack
from finbase.plan.parse import MAKE_HINT, parse
from finbase.source.scalars import printable

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

_AGAIN: Final = f"{MAKE_HINT}, of a plan of the whole stack, and do not edit it"
_KEYS: Final = ("format_version", "terraform_version", "planned_values", "configuration")
_FORMAT: Final = re.compile(r"1\.[0-9]+")


def read_plan(data: bytes, name: str) -> dict[str, Any]:
    """Return a plan; ``name`` names it in messages.

    Raises ``ComplianceError`` if it is not a plan, is incomplete, or was edited.
    """
    plan: dict[str, Any] = parse(data, name)
    demand_whole(plan, name)
    return plan


def read_shape(data: bytes, name: str) -> dict[str, Any]:
    """Return a plan that has the right shape, which is enough to draw it but not to judge it.

    Raises ``ComplianceError`` if it has another shape.
    """
    plan: dict[str, Any] = parse(data, name)
    if not isinstance(plan, dict) or not {"planned_values", "configuration"} <= plan.keys():
        raise ComplianceError(
            f"{name} is JSON, but not of a Terraform plan{_kind(plan)}", MAKE_HINT
        )
    _demand_shape(plan, name)
    return plan


def demand_whole(plan: Any, name: str) -> None:
    """Raise ``ComplianceError`` if a parsed plan is incomplete or was edited."""
    _of_a_whole_run(plan, name)
    _demand_shape(plan, name)
    if absence := absence_of_stack(plan):
        why, hint = absence
        raise ComplianceError(f"{name} {why}", hint)
    for contradiction in disagreements(plan):
        message = f"{name} does not agree with itself: {printable(contradiction, 300)}"
        raise ComplianceError(message, _AGAIN)


def _demand_shape(plan: Any, name: str) -> None:
    for error in _validator().iter_errors(plan):
        at = _pointer(error.instance_path)
        raise ComplianceError(f"{name}: {at}: {printable(error.message, 200)}", _AGAIN)


def _of_a_whole_run(plan: Any, name: str) -> None:
    if not isinstance(plan, dict) or any(key not in plan for key in _KEYS):
        raise ComplianceError(
            f"{name} is JSON, but not of a Terraform plan{_kind(plan)}", MAKE_HINT
        )
    version = plan["format_version"]
    if not isinstance(version, str) or not _FORMAT.fullmatch(version):
        what = f"Unsupported terraform plan output format: {printable(repr(version))}"
        raise ComplianceError(f"{name}: {what}", "finbase reads format 1, of Terraform 1.1 on")
    if plan.get("errored"):
        what = f"{name} is incomplete, because the run of Terraform failed"
        raise ComplianceError(what, "fix the errors that Terraform reports, and plan again")
    if plan.get("action_invocations") or plan.get("deferred_action_invocations"):
        what = f"{name} invokes actions of a provider, which no control judges"
        raise ComplianceError(what, "remove the blocks `action` and `action_trigger`")
    if plan.get("complete") is False or plan.get("deferred_changes"):
        raise ComplianceError(
            f"{name} is incomplete: Terraform left out or deferred a part of the stack",
            "plan without -target and -exclude, and make sure that no change is deferred",
        )


def _kind(document: Any) -> str:
    if isinstance(document, dict):
        if "values" in document and "planned_values" not in document:
            return ": it is a state"
        if "format_version" in document:
            missing = next(key for key in _KEYS if key not in document)
            return f": it has no {missing}"
    return ""


@cache
def _validator() -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator

    schema = Path(__file__).with_name("plan_schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(schema))


def _pointer(path: list[str | int]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return printable("".join(steps).removeprefix(".") or "top level", 200)
