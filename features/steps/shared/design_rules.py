"""Compare the value of an argument with a rule of the design profile.

The comment at the top of ``features/design.yaml`` describes the rules. Each function returns an
empty text if the value is as the rule says, or else what the plan has instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

from design_code import Code
from design_places import PLACEHOLDER, Places, is_hidden
from design_policies import Policies
from design_profile import of_version
from design_values import Argument, text
from kinds import are_named
from sources import normalised
from stack_graph import UNKNOWN, Origin, Resource, of_key, shown, whole
from windows import SHORTEST, daily, weekly

_AT_ONCE = " at once"
_CONFIGURED = (
    "the plan does not show this value; write it as a literal, or in an input of the module"
)


class Rules:
    """The rules of a profile, for one stack."""

    def __init__(self, places: Places, code: Code) -> None:
        self.stack, self.places, self.code = code.stack, places, code
        self._policies = Policies(places, code)
        self.intruders: dict[str, None] = {}
        """Resources of which the last compared argument took a value, against the design."""

    def problem(self, argument: Argument, rule: str) -> str:
        """Return what an argument has instead of what the rule says; empty if it is right."""
        optional = rule.removeprefix("optional ")
        if optional != rule:
            if self.is_unset(argument):
                return ""
            rule = optional
        word, _, operand = rule.partition(" ")
        check: Callable[[Argument, str], str] | None = getattr(self, f"_{word}", None)
        if check is None:
            if rule in ("weekly window",):
                return self._window(argument, "weekly")
            return self._number(argument, rule)
        wrong = check(argument, operand)
        facts = self.places.facts_of(argument.resource)
        hidden = [name for name in PLACEHOLDER.findall(operand) if is_hidden(facts.get(name))]
        if wrong and hidden:
            return f"cannot be compared: this plan does not show the {hidden[0]} of the stack"
        return wrong

    def is_unset(self, argument: Argument) -> bool:
        """Return whether an argument has no value, or null by a literal.

        AWS may have chosen a value for an argument that is null.
        """
        if argument.value in (None, "", [], {}):
            return True
        written = argument.resource.expression(argument.path) is not None
        return written and not self.stack.is_set(argument.resource, argument.path)

    def _absent(self, argument: Argument, _: str) -> str:
        return f"is {shown(argument.value)}"

    def _free(self, _argument: Argument, _: str) -> str:
        return ""

    def _text(self, argument: Argument, _: str) -> str:
        value = argument.value
        if value is UNKNOWN:
            return "" if argument.path == "description" else _CONFIGURED
        fine = isinstance(value, str) and any(map(str.isalpha, value))
        # Quoted, because the text can be blank.
        return "" if fine else f"is {json.dumps(value) if isinstance(value, str) else shown(value)}"

    def _is(self, argument: Argument, expected: str) -> str:
        expected = self.places.fill(expected, argument.resource)
        value = argument.value
        if isinstance(value, Mapping):
            value = ", ".join(f"{name}={shown(part)}" for name, part in value.items())
        if value is UNKNOWN:
            return _CONFIGURED
        return "" if text(value) == expected else f"is {shown(value)}, not {expected}"

    def _explicitly(self, argument: Argument, expected: str) -> str:
        if wrong := self._is(argument, expected):
            return wrong
        origins = self.stack.trace(argument.resource, argument.path)
        written = origins and all(text(origin.literal) == expected for origin in origins)
        return "" if written else f"is not shown by the plan to be set; write {expected}"

    def _one(self, argument: Argument, operand: str) -> str:
        allowed = operand.removeprefix("of ").split(", ")
        if argument.value is UNKNOWN:
            return _CONFIGURED
        return "" if text(argument.value) in allowed else f"is {shown(argument.value)}"

    def _like(self, argument: Argument, pattern: str) -> str:
        value = argument.value
        if not isinstance(value, str):
            return _CONFIGURED if value is UNKNOWN else f"is {shown(value)}"
        filled = self.places.fill(pattern, argument.resource, re.escape)
        return "" if re.fullmatch(filled, value) else f"is {value}"

    def _number(self, argument: Argument, rule: str) -> str:
        value = argument.value
        if value is UNKNOWN:
            return _CONFIGURED
        least, _, most = rule.replace(" or more", " to inf").partition(" to ")
        try:
            fine = float(least) <= float(value) <= float(most)
        except (TypeError, ValueError):
            fine = False
        return "" if fine and not isinstance(value, bool) else f"is {shown(value)}"

    def _item(self, argument: Argument, operand: str) -> str:
        """Require what the input says: its item has the key, or the part of it after a slash."""
        field, _, name = operand.partition(" of ")
        items = self.stack.input_of(argument.resource, name)
        if not isinstance(items, Mapping):
            return f"cannot be compared: this plan does not show {name}; write it as a literal"
        item = items.get(text(argument.resource.key).rpartition("/")[2], {})
        wanted = item.get(field)
        if argument.value is UNKNOWN:
            return _CONFIGURED
        same = argument.value in (wanted, wanted or "")
        return "" if same else f"is {shown(argument.value)}, not {shown(wanted)}"

    def _set(self, argument: Argument, operand: str) -> str:
        needed, _, others = operand.partition(" or ")
        value = argument.value
        if not isinstance(value, list) or UNKNOWN in value:
            return _CONFIGURED if value is UNKNOWN else f"is {shown(value)}"
        items, names = {text(item) for item in value}, set(needed.split(", "))
        fine = names <= items <= names | set(filter(None, others.split(", ")))
        return "" if fine else f"is {', '.join(sorted(items)) or 'empty'}"

    def _writes(self, argument: Argument, operand: str) -> str:
        """Require a literal list in the configuration, as AWS changes the list after the apply."""
        origins = self.stack.trace(argument.resource, argument.path)
        literals = [origin.literal for origin in origins]
        if len(literals) != 1 or not isinstance(literals[0], list):
            return f"is {', '.join(origin.text for origin in origins) or 'not set'}"
        items = sorted(map(text, literals[0]))
        return "" if items == sorted(operand.split(", ")) else f"is {', '.join(items) or 'empty'}"

    def _window(self, argument: Argument, kind: str = "daily") -> str:
        value = argument.value
        if not isinstance(value, str):
            return _CONFIGURED if value is UNKNOWN else f"is {shown(value)}"
        valid = (weekly if kind == "weekly" else daily)(value)
        return "" if valid else f"is {value}, an invalid window or less than {SHORTEST} minutes"

    def _from(self, argument: Argument, operand: str) -> str:
        """Require the attribute of one resource, of the same key if there are several."""
        operand, at, end = operand.partition(" at the ")
        targets = self._targets(argument, operand)
        if at:
            targets = _at_end(targets, end)
        of_same = of_key([target for target, _ in targets], argument.resource.key)
        same = [target for target in targets if target[0] in of_same]
        if len(targets) > 1 and same:
            targets = same
        if len(targets) != 1:
            return f"must come from {operand}, of which the plan has {len(targets)}"
        return self._compare(argument, targets, operand)

    def _all(self, argument: Argument, operand: str) -> str:
        targets = self._targets(argument, operand.removeprefix("of "))
        return self._compare(argument, targets, operand)

    def _up(self, argument: Argument, operand: str) -> str:
        """Require attributes of at most ``n`` instances, or of all if there are fewer.

        An existing resource may keep the two or more that it has: another zone came later.
        """
        most, _, operand = operand.removeprefix("to ").partition(" of ")
        targets = self._targets(argument, operand)
        value = argument.value
        count = min(int(most), len(targets))
        kept = value == argument.resource.before.get(argument.path) and len(value or ()) > 1
        if isinstance(value, list) and len(value) != count and not kept:
            return f"has {len(value)} items, not {count}"
        return self._compare(argument, targets, operand, some=True)

    def _targets(self, argument: Argument, operand: str) -> list[tuple[Resource, str]]:
        targets: list[tuple[Resource, str]] = []
        for part in operand.split(" and "):
            *named, path = part.split(" ")
            module = named[0] if named else argument.module
            type_, name, attribute = path.split(".")
            own = [
                resource
                for resource in self.stack.all(type_, name)
                if module == argument.module and resource.module == argument.resource.module
            ]
            user = argument.resource.calls
            for resource in own or self.places.instances(module, f"{type_}.{name}", user):
                if module != argument.module or resource.module == argument.resource.module:
                    targets.append((resource, attribute))
        return targets

    def _compare(
        self,
        argument: Argument,
        targets: list[tuple[Resource, str]],
        operand: str,
        *,
        some: bool = False,
    ) -> str:
        """Compare known parts of a value by value, and unknown parts by their origins."""
        value = argument.value
        parts = value if isinstance(value, list) else [value]
        if isinstance(value, Mapping):  # Dimensions of a metric.
            parts = list(value.values())
        known = [part for part in parts if part is not UNKNOWN]
        attributes = [resource.planned(attribute) for resource, attribute in targets]
        foreign = [text(part) for part in known if part not in attributes]
        if foreign:
            return f"is {', '.join(foreign)}, not from {operand}"
        if not parts or (len(set(map(str, known))) != len(known)):
            return f"is {shown(value)}"
        if isinstance(value, list) and not some and len(value) != len(targets):
            return f"has {len(value)} items, not {len(targets)}"
        if len(known) == len(parts):
            missing = not some and any(part not in known for part in attributes)
            return f"lacks values of {operand}" if missing else ""
        return self._origins_differ(argument, targets, operand)

    def _origins_differ(
        self,
        argument: Argument,
        targets: list[tuple[Resource, str]],
        operand: str,
    ) -> str:
        origins = self.stack.trace(argument.resource, argument.path)
        reached = {r.address for origin in origins for r in origin.resources}
        wanted = {resource.address for resource, _ in targets}
        attributes = {attribute for _, attribute in targets}
        wrong = [o.text for o in origins if not _fits(o, attributes)]
        if not origins:
            return "is not set"
        if wrong or reached != wanted:
            self.intruders = dict.fromkeys(reached - wanted)
            return f"comes from {', '.join(o.text for o in origins)}, not from {operand}"
        parts = [origin for origin in origins if origin.is_part]
        needed = len(argument.value) if isinstance(argument.value, list) else len(wanted)
        if len(parts) == len(origins) and len(parts) < needed:
            return f"comes from {', '.join(o.text for o in parts)}, not from {operand}"
        return self.code.changed(argument, attributes)

    def _reads(self, argument: Argument, operand: str) -> str:
        """Require exactly these references, in this order, and the HCL after ``as``."""
        wanted, _, code = operand.partition(" as ")
        expression = argument.resource.expression(argument.path) or {}
        references = list(whole(expression.get("references", ())))
        if references != [name for name in wanted.split(", ") if name != "nothing"]:
            return f"reads {', '.join(references) or 'nothing'}"
        written = self.code.written(argument)
        return "" if not code or written in (None, normalised(code)) else f"is {written}"

    def _only(self, argument: Argument, operand: str) -> str:
        """Require some of these references, each once, the first one first, and a part of the HCL.

        The order of the others is that of the fields, which another control compares.
        """
        allowed, _, code = operand.partition(" with ")
        expression = argument.resource.expression(argument.path) or {}
        references = list(whole(expression.get("references", ())))
        used = [name for name in allowed.split(", ") if name in references]
        if sorted(references) != sorted(used) or references[:1] != used[:1]:
            return f"reads {', '.join(references) or 'nothing'}"
        written = self.code.written(argument)
        if written is None or not self.code.sources:
            return ""
        field, _, value = normalised(code).partition(" = ")
        if _fields(written).get(field) != value:
            return f"is {written}"
        return self.code.changed_on_way(argument.resource, value, ("address",))

    def _parameters(self, argument: Argument, _: str) -> str:
        """Require the parameters of the design; others must not name the same ones again."""
        rules = of_version(self.places.profile.parameters, argument.version)
        if not are_named(argument.value):
            return "has names that this plan does not show; write them as literals"
        blocks = argument.value if isinstance(argument.value, list) else []
        # RDS ignores the case of a name.
        named = [(str(b.get("name")).lower(), b) for b in blocks if isinstance(b, Mapping)]
        names = [name for name, _ in named]
        if repeated := [name for name in names if names.count(name) > 1]:
            return f"sets {repeated[0]} more than once"
        values = {name: block.get("value") for name, block in named}
        at_reboot = {n for n, block in named if block.get("apply_method") == "pending-reboot"}
        for name, rule in rules.items():
            value = values.get(name)
            if name == "others":
                continue
            allowed = rule.removesuffix(_AT_ONCE)
            if allowed != rule and name in at_reboot:
                return f"{name} waits for a reboot, because of its apply_method"
            if value is UNKNOWN or text(value) not in allowed.split(" or "):
                return f"{name} is {shown(value)}, not {allowed}"
        for name in values:
            if name not in rules and not re.fullmatch(rules["others"], name):
                return f"sets {name}"
        return ""

    def _widgets(self, argument: Argument, _: str) -> str:
        value = argument.value
        if not isinstance(value, str):
            return ""
        try:
            metrics = json.dumps([w["properties"]["metrics"] for w in json.loads(value)["widgets"]])
        except (ValueError, LookupError, TypeError):
            return "is not a dashboard with metrics"
        for identity in ("database aws_db_instance.primary", "replica aws_db_instance.replica"):
            module, _, name = identity.partition(" ")
            for instance in self.places.instances(module, name, argument.resource.calls):
                identifier = text(instance.planned("identifier"))
                if instance.planned("identifier") is UNKNOWN:
                    now = f"{instance.address} has {identifier} as its identifier"
                    return f"cannot be compared: {now}"
                if json.dumps(identifier) not in metrics:
                    return f"has no metric of {identifier}"
        return ""

    def _policy(self, argument: Argument, name: str) -> str:
        return self._policies.problem(argument, name)


def _fields(code: str) -> dict[str, str]:
    """Return the fields of an object of HCL; empty if it is more than one, or computes a key.

    >>> _fields('{ host = var.a == null port = 1 }')
    {'host': 'var.a == null', 'port': '1'}
    >>> _fields('merge ( { host = var.a } { "host" = "b" } )'), _fields('{ (var.a) = 1 }')
    ({}, {})
    """
    inner = re.fullmatch(r"\{ (.*) \}", code)
    parts = re.split(r"(?:^| )([\w-]+) [=:] ", inner[1]) if inner else []
    plain = parts[:1] == [""] and not re.search(r"[{}()]", code[1:-1])
    return dict(zip(parts[1::2], parts[2::2], strict=True)) if plain else {}


def _fits(origin: Origin, attributes: Iterable[str]) -> bool:
    """Return whether an origin is resources, and only their attribute or the whole of them."""
    return bool(origin.resources) and (not origin.attribute or origin.attribute in attributes)


def _at_end(targets: list[tuple[Resource, str]], end: str) -> list[tuple[Resource, str]]:
    """Return the targets with the lowest or highest number as their key; all without keys."""
    order = {"lowest": min, "highest": max}[end]
    keys = [text(resource.key) for resource, _ in targets if resource.key is not None]
    key = order(keys, key=lambda key: (len(key), key), default="")
    return [t for t in targets if t[0].key is None or text(t[0].key) == key]
