"""The JSON of a plan → a plan that is whole, or what is wrong with it and where.

A scenario that finds nothing wrong in half a plan proves nothing. So what is to be judged must
be JSON in the strict sense, shaped as Terraform shapes a plan (``plan_schema.json``), and must
agree with itself: a plan says everything twice or thrice, and a part that is missing or changed
in one place is missing or changed against another.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from finbase.errors import ComplianceError
from finbase.source.scalars import shown

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

__all__ = ["MOST_BYTES", "MOST_DEPTH", "demand_whole", "read_plan", "read_shape"]

MOST_BYTES: Final = 16 * 1024 * 1024
"""Some forty times the plan of a whole stack."""
MOST_DEPTH: Final = 100

_MAKE: Final = "make it with `terraform show -json PLANFILE > plan.json`"
_AGAIN: Final = f"{_MAKE}, of a plan of the whole stack, and leave it as it is"
_UNPLANNED: Final = "is configured, but not planned"
_NONE: Final = "; a count or for_each of constants alone that gives none belongs into a local"
_KEYS: Final = ("format_version", "terraform_version", "planned_values", "configuration")
_FORMAT: Final = re.compile(r"1\.[0-9]+")
_MARKS: Final = {
    b"\xef\xbb\xbf": "begins with a byte order mark",
    b"\xff\xfe": "is UTF-16, not UTF-8",
    b"\xfe\xff": "is UTF-16, not UTF-8",
}
_STEP: Final = re.compile(r'module\.([\w-]+)(?:\[(?:"(?:[^"\\]|\\.)*"|[0-9]+)\])?')
_IDENTITY: Final = ("mode", "type", "name")
_GONE: Final = frozenset({"delete", "forget"})


def read_plan(data: bytes, name: str) -> dict[str, Any]:
    """Read a plan as ``terraform show -json`` prints it; ``name`` is what messages call it.

    Raises ``ComplianceError`` where it is no plan, only a part of one, or not as Terraform left it.
    """
    plan: dict[str, Any] = _parse(data, name)
    demand_whole(plan, name)
    return plan


def read_shape(data: bytes, name: str) -> dict[str, Any]:
    """Read what has the shape of a plan: enough to draw it, and not enough to judge it.

    Raises ``ComplianceError`` where it has not.
    """
    plan: dict[str, Any] = _parse(data, name)
    if not isinstance(plan, dict) or not {"planned_values", "configuration"} <= plan.keys():
        raise ComplianceError(f"{name} is JSON, but not of a Terraform plan{_kind(plan)}", _MAKE)
    _demand_shape(plan, name)
    return plan


def demand_whole(plan: Any, name: str) -> None:
    """Raise ``ComplianceError`` where parsed JSON is only a part of a plan, or was changed."""
    _of_a_whole_run(plan, name)
    _demand_shape(plan, name)
    for what in _disagreements(plan):
        hint = _AGAIN + _NONE if what.endswith(_UNPLANNED) else _AGAIN
        raise ComplianceError(f"{name} does not agree with itself: {shown(what, 300)}", hint)


def _demand_shape(plan: Any, name: str) -> None:
    for error in _validator().iter_errors(plan):
        at = _pointer(error.instance_path)
        raise ComplianceError(f"{name}: {at}: {shown(error.message, 200)}", _AGAIN)


def _parse(data: bytes, name: str) -> Any:
    if len(data) > MOST_BYTES:
        size = f"{name} is larger than {MOST_BYTES // 1024**2} MiB"
        raise ComplianceError(size, "the plan of a stack has less than one; is it one stack's?")
    for mark, what in _MARKS.items():
        if data.startswith(mark):
            hint = "a shell has re-encoded it: redirect the output as bytes, or with cmd /c"
            raise ComplianceError(f"{name} {what}", hint)
    try:
        plan = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_refuse,
            parse_float=_finite,
        )
        _bounded(plan)
        json.dumps(plan, ensure_ascii=False).encode()  # No half of a surrogate pair.
    except RecursionError as error:
        what = f"{name} is nested more than {MOST_DEPTH} levels deep"
        raise ComplianceError(what, _MAKE) from error
    except ValueError as error:
        raise ComplianceError(f"{name} is not JSON: {_reason(error)}", _MAKE) from error
    return plan


def _of_a_whole_run(plan: Any, name: str) -> None:
    if not isinstance(plan, dict) or any(key not in plan for key in _KEYS):
        raise ComplianceError(f"{name} is JSON, but not of a Terraform plan{_kind(plan)}", _MAKE)
    version = plan["format_version"]
    if not isinstance(version, str) or not _FORMAT.fullmatch(version):
        what = f"Unsupported terraform plan output format: {shown(repr(version))}"
        raise ComplianceError(f"{name}: {what}", "finbase reads format 1, of Terraform 1.1 on")
    if plan.get("errored"):
        what = f"{name} is of a run that failed, so it is not complete"
        raise ComplianceError(what, "mend what Terraform complains of, and plan again")
    if plan.get("complete") is False or plan.get("deferred_changes"):
        raise ComplianceError(
            f"{name} is not complete: Terraform left a part of the stack for later",
            "plan without -target and -exclude, and where nothing has to be deferred",
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {shown(twice)} is given twice in one object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is no number that can be held")
    return value


def _bounded(plan: Any) -> None:
    level = [plan]
    for _ in range(MOST_DEPTH):
        level = [each for value in level for each in _parts(value)]
        if not level:
            return
    raise RecursionError


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _reason(error: ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte 0x{error.object[error.start]:02x} at offset {error.start} is not UTF-8"
    if isinstance(error, UnicodeEncodeError):
        return "a text holds half of a surrogate pair"
    return str(error)


def _kind(document: Any) -> str:
    if isinstance(document, dict):
        if "values" in document and "planned_values" not in document:
            return ": it is of a state"
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
    steps = [f"[{each}]" if isinstance(each, int) else f".{each}" for each in path]
    return shown("".join(steps).removeprefix(".") or "the top", 200)


# --- what is said twice --------------------------------------------------------------------


def _disagreements(plan: Mapping[str, Any]) -> Iterator[str]:
    """Tell what one part of a plan says and another does not."""
    planned: dict[str, Mapping[str, Any]] = {}
    root, values = plan["configuration"]["root_module"], plan["planned_values"]
    yield from _module(values["root_module"], root, "", planned)
    changes = [each for each in plan.get("resource_changes", ()) if "deposed" not in each]
    yield from _changes(planned, changes)
    outputs = values.get("outputs", {})
    yield from _outputs(outputs, root.get("outputs", {}), plan.get("output_changes", {}))


def _module(
    planned: Mapping[str, Any],
    configured: Mapping[str, Any],
    address: str,
    found: dict[str, Mapping[str, Any]],
) -> Iterator[str]:
    """Hold a planned module against its configuration, and collect what is planned in it."""
    prefix = f"{address}." if address else ""
    written = {_identity(each): each for each in configured.get("resources", ())}
    if len(written) < len(configured.get("resources", ())):
        yield f"a resource of {address or 'the stack'} is configured twice"
    here = set()
    for each in planned.get("resources", ()):
        if each["address"] in found:
            yield f"{each['address']} is planned twice"
        found[each["address"]] = each
        here.add(_identity(each))
        if not _is_called(each, prefix):
            yield f"{each['address']} is not the address of {prefix}{each['type']}.{each['name']}"
        if _identity(each) not in written:
            yield f"{each['address']} is planned, but not configured"
    for identity, each in written.items():
        if identity not in here and identity[0] == "managed" and _is_one(each):
            yield f"{prefix}{each['type']}.{each['name']} {_UNPLANNED}"
    yield from _children(planned, configured, prefix, found)


def _children(
    planned: Mapping[str, Any],
    configured: Mapping[str, Any],
    prefix: str,
    found: dict[str, Mapping[str, Any]],
) -> Iterator[str]:
    calls, here = configured.get("module_calls", {}), set()
    for child in planned.get("child_modules", ()):
        step = _STEP.fullmatch(child["address"].removeprefix(prefix))
        if step is None or step[1] not in calls:
            yield f"{child['address']} is planned, but not configured"
            continue
        here.add(step[1])
        yield from _module(child, calls[step[1]]["module"], child["address"], found)
    for name, call in calls.items():
        given = call.get("expressions", {})
        for variable, said in call["module"].get("variables", {}).items():
            if "default" not in said and variable not in given:
                yield f"{prefix}module.{name} is given no {variable}, which has no default"
        if name not in here and _is_one(call):  # Well, if there is nothing in it.
            yield from _module({}, call["module"], f"{prefix}module.{name}", found)


def _changes(
    planned: Mapping[str, Mapping[str, Any]], changes: list[Mapping[str, Any]]
) -> Iterator[str]:
    """Hold what is planned against what is changed: the same resources, and the same values."""
    told = set()
    for each in changes:
        address, change = each["address"], each["change"]
        if address in told:
            yield f"{address} is changed twice"
        told.add(address)
        actions = change.get("actions")
        if actions and _GONE.issuperset(actions):
            if address in planned and "delete" in actions:
                yield f"{address} is planned, and deleted as well"
            continue
        if address not in planned:
            yield f"{address} is in resource_changes, but not in planned_values"
        elif any(each.get(key) != planned[address].get(key) for key in (*_IDENTITY, "index")):
            yield f"{address} has another type, name or key in resource_changes"
        elif (change.get("after") or {}) != planned[address].get("values", {}):
            yield f"{address} has other values in planned_values than in resource_changes"
    for address in planned:
        if address not in told:
            yield f"{address} is in planned_values, but not in resource_changes"


def _outputs(
    planned: Mapping[str, Mapping[str, Any]],
    configured: Mapping[str, Any],
    changes: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    for name, change in changes.items():
        if change.get("actions") == ["delete"]:
            continue
        if name not in planned or name not in configured:
            yield f"the output {name} is in output_changes, but not everywhere else"
        elif "value" not in planned[name]:
            if not change.get("after_unknown"):
                yield f"the output {name} has no value in planned_values"
        elif planned[name]["value"] != change.get("after"):
            yield f"the output {name} has another value in planned_values than in output_changes"
    for name in {*planned, *configured}:
        if name not in changes:
            yield f"the output {name} is not in output_changes"


def _identity(resource: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(resource[key] for key in _IDENTITY)


def _is_called(resource: Mapping[str, Any], prefix: str) -> bool:
    """Whether an address is that of its parts; how it writes a text as a key is Terraform's own."""
    address, key = resource["address"], resource.get("index")
    data = "data." if resource["mode"] == "data" else ""
    own = f"{prefix}{data}{resource['type']}.{resource['name']}"
    if isinstance(key, str):
        return bool(address.startswith(f'{own}["') and address.endswith('"]'))
    return bool(address == (own if key is None else f"{own}[{key}]"))


def _is_one(configured: Mapping[str, Any]) -> bool:
    """Whether a resource or a call stands for one instance, whatever its arguments are.

    Terraform leaves out a count or for_each of constants alone, unless it is one constant.
    """
    return not configured.keys() & {"count_expression", "for_each_expression"}
