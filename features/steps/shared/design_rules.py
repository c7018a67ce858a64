"""Compare the value of an argument with a rule of the design profile.

The comment at the top of ``features/design.yaml`` describes the rules. Each function returns an
empty text if the value is as the rule says, or else what the plan has instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import policy_text
from databases import SHARED, database_of
from design_profile import Profile, Rule, of_version
from forms import changed, pieces
from kinds import are_named
from policies import by_type
from sources import Block, Sources, normalised, words
from stack_graph import EXISTING_NETWORK, UNKNOWN, Origin, Resource, Stack, of_key, shown, whole
from windows import SHORTEST, daily, weekly

# AWS reads the number of an account as the ARN of its root.
_ACCOUNT = re.compile(r"^AWS ([0-9]{12})$")
_ROOT = r"AWS arn:aws:iam::\1:root"
_PLACEHOLDER = re.compile(r"\{([a-z-]+)\}")
_AT_ONCE = " at once"
_ACCOUNTS = r"(?:[0-9]{12}, )*%s(?:, [0-9]{12})*"
_BUCKETS = r"arn:[a-z-]+:s3:::[a-z0-9.-]+/\*"
_READER = r"arn:%s:iam::%s:(?:role|user)/[\w+=,.@/-]+"
_SPLAT = re.compile(r"values \( ([\w-]+\.[\w-]+) \) \[ \* \] \. ([\w-]+)")
"""The attributes of all instances of a resource, as ``sources.normalised`` writes them."""
_CONFIGURED = (
    "the plan does not show this value; write it as a literal, or in an input of the module"
)


class Argument(NamedTuple):
    """One argument of one resource, with its planned value."""

    resource: Resource
    path: str
    value: Any
    module: str
    version: str = "0.0.0"


class Rules:
    """The rules of a profile, for one stack."""

    def __init__(
        self,
        stack: Stack,
        profile: Profile,
        modules: Mapping[tuple[str, ...], str],
        sources: Sources | None,
    ) -> None:
        self.stack = stack
        self.sources = sources
        self.profile = profile
        self._modules = modules
        self._databases = {path: database_of(stack, path) for path in modules}
        first: dict[tuple[str, str], tuple[str, ...]] = {}
        for path, module in modules.items():
            first.setdefault((self._databases[path], module), path)
        self._by_identity: dict[tuple[str, str, str], list[Resource]] = {}
        for resource in stack.resources:
            module = modules.get(resource.calls, "")
            database = self._databases.get(resource.calls, "")
            if module in profile.once and first[database, module] != resource.calls:
                continue  # Another call of the module is an error of its own.
            identity = f"{resource.type}.{resource.name}"
            places = [module, "network"] if module == EXISTING_NETWORK else [module]
            for place in places:
                self._by_identity.setdefault((database, place, identity), []).append(resource)
        paths = {database: path for path, database in self._databases.items()}
        self._facts = {database: self._stack_facts(path) for database, path in paths.items()}
        self.intruders: dict[str, None] = {}
        """Resources of which the last compared argument took a value, against the design."""

    def instances(self, module: str, identity: str, user: tuple[str, ...]) -> list[Resource]:
        """Return the planned instances of a resource, in all calls of its module.

        They are those of the same database as the module call at the path ``user``.
        """
        database = "" if module in SHARED else self._databases.get(user, "")
        return self._by_identity.get((database, module, identity), [])

    def module_of(self, resource: Resource) -> str:
        """Return the name of the module that holds a resource; empty for the root."""
        return self._modules.get(resource.calls, "")

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
        facts = self._facts_of(argument.resource)
        hidden = [name for name in _PLACEHOLDER.findall(operand) if _is_hidden(facts.get(name))]
        if wrong and hidden:
            return f"cannot be compared: this plan does not show the {hidden[0]} of the stack"
        return wrong

    def _facts_of(self, resource: Resource) -> Mapping[str, str]:
        return self._facts[self._databases.get(resource.calls, "")]

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
        expected = self._fill(expected, argument.resource)
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
        filled = self._fill(pattern, argument.resource, re.escape)
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
            for resource in own or self.instances(module, f"{type_}.{name}", user):
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
        return self._changed(argument, attributes)

    def _changed(self, argument: Argument, attributes: Iterable[str]) -> str:
        """Return what changes the value on its way, where the HCL is available."""
        written = self.written(argument)
        if not self.sources or written is None:
            return ""
        names = {*attributes}
        many = isinstance(argument.value, list | Mapping) or argument.value is UNKNOWN
        items = [word for word in words(written) if word.startswith("each.value")]
        of_item = "each.value" not in items  # The attribute follows: each.value.id.
        if items and (wrong := self._reordered(argument.resource, set() if of_item else names)):
            return wrong
        return self._changed_on_way(argument.resource, written, names, many=many)

    def _reordered(self, resource: Resource, attributes: set[str]) -> str:
        """Return what makes ``each.value`` another item than that of the key."""
        block = self._block(resource)
        collection = block.arguments.get("for_each", "") if block else ""
        return self._changed_on_way(resource, collection, attributes, many=True)

    def _changed_on_way(
        self, resource: Resource, code: str, attributes: Collection[str], *, many: bool = False
    ) -> str:
        """Return what changes a value in an expression or in one that its references lead to."""
        for _, step in self.sources.steps(resource.calls, code) if self.sources else ():
            if step and (wrong := changed(words(step), attributes, many=many)):
                return f"is changed by {wrong} in {step}"
        return ""

    def written(self, argument: Argument) -> str | None:
        """Return the HCL of an argument; None if it is not available."""
        block = self._block(argument.resource)
        *blocks, last = [part for part in argument.path.split(".") if not part.isdecimal()]
        for name in blocks:
            block = next(block.of(name), None) if block else None
        return block.arguments.get(last) if block else None

    def _block(self, resource: Resource) -> Block | None:
        return self.sources.resource(resource.calls, resource.identity) if self.sources else None

    def _reads(self, argument: Argument, operand: str) -> str:
        """Require exactly these references, in this order, and the HCL after ``as``."""
        wanted, _, code = operand.partition(" as ")
        expression = argument.resource.expression(argument.path) or {}
        references = list(whole(expression.get("references", ())))
        if references != [name for name in wanted.split(", ") if name != "nothing"]:
            return f"reads {', '.join(references) or 'nothing'}"
        written = self.written(argument)
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
        written = self.written(argument)
        if written is None or not self.sources:
            return ""
        field, _, value = normalised(code).partition(" = ")
        if _fields(written).get(field) != value:
            return f"is {written}"
        return self._changed_on_way(argument.resource, value, ("address",))

    def _policy(self, argument: Argument, name: str) -> str:
        """Require the statements of a policy; of an unknown text, only what the plan shows."""
        wrong = [self._one_policy(argument, part) for part in name.split(" or ")]
        return "" if "" in wrong else wrong[-1]

    def _one_policy(self, argument: Argument, name: str) -> str:
        value = argument.value
        filled = self._fill(name, argument.resource)
        if filled != name and filled not in self.profile.policies:
            # AWS chooses the value of an argument that is null.
            return "" if value in (None, "", UNKNOWN) else self._absent(argument, "")
        name = filled
        if argument.resource.mode == "data":
            blocks = value if isinstance(value, list) else []
            conditions = [b.get("condition") for b in blocks if isinstance(b, Mapping)]
            if any(part is UNKNOWN for part in (value, *blocks, *conditions)):
                return "has statements that are not shown by this plan; write them out"
            statements = [
                _block(self._with_names(argument.resource, number, block))
                for number, block in enumerate(blocks)
            ]
        elif isinstance(value, str):
            try:
                statements = [_statement(s) for s in policy_text.statements(value)]
            except ValueError as error:
                return f"is not a policy in JSON: {error}"
        else:
            return self._unknown_policy(argument, name)
        return self._differs(statements, name, argument.resource)

    def _with_names(self, document: Resource, number: int, block: Any) -> Any:
        """Return a statement with the names of the profile where ARNs are not known yet."""
        if not isinstance(block, Mapping):
            return block
        named = dict(block)
        if UNKNOWN in listed(block.get("resources")):
            names = self._arn_names(document, number, "")
            known = [r for r in listed(block.get("resources")) if r is not UNKNOWN]
            named["resources"] = known + names
        conditions = []
        for condition in listed(block.get("condition")):
            if not isinstance(condition, Mapping):
                return block
            parts = dict(condition)
            if UNKNOWN in listed(parts.get("values")):
                names = self._arn_names(document, number, str(parts.get("variable")))
                parts["values"] = [v for v in listed(parts["values"]) if v is not UNKNOWN] + names
            conditions.append(parts)
        return named | {"condition": conditions}

    def _arn_names(self, document: Resource, number: int, variable: str) -> list[str]:
        """Return what the resources of a statement are, or the values of its condition.

        Each is ``{name}`` of an ARN of the profile, or a text that equals none.
        """
        path = f"statement.{number}"
        block = self._block(document)
        if not self.sources or not block:
            under = f"{path}.resources"
            for m in range(len(listed(document.planned(f"{path}.condition")))):
                written = document.expression(f"{path}.condition.{m}.variable") or {}
                if variable and written.get("constant_value") == variable:
                    under = f"{path}.condition.{m}.values"
            # A plan alone does not show the attribute of several instances: ``x[*].arn`` is ``x``.
            names = [
                self._arn_name(self.module_of(r), f"{r.type}.{r.name}.{o.attribute or 'arn'}", None)
                for o in self.stack.trace(document, under)
                for r in o.resources
                if r.planned(o.attribute or "id") is UNKNOWN
            ] or [text(UNKNOWN)]
            return [*dict.fromkeys(names)]  # Each instance has the same name.
        statements = [*block.of("statement")]
        if len(statements) <= number or any(block.of("dynamic")):
            return [text(UNKNOWN)]
        inner: Block | None = statements[number]
        for condition in statements[number].of("condition") if variable else ():
            if condition.arguments.get("variable") == json.dumps(variable):
                inner = condition
        code = inner.arguments.get("values" if variable else "resources", "") if inner else ""
        if splat := _SPLAT.fullmatch(code):
            return [self._arn_name(self.module_of(document), ".".join(splat.groups()), "")]
        found = pieces(words(code))
        names = []
        for reference, suffix in found or ():
            if reference:
                place, end = self.sources.end(document.calls, reference)
                # Where the HCL of a module was not read, its outputs lead to nothing.
                names.append(self._arn_name(self._modules.get(place, ""), end or reference, suffix))
        return names or [code]

    def _arn_name(self, module: str, reference: str, suffix: str | None) -> str:
        """Return ``{name}`` of the ARN in the profile, or the reference itself."""
        for name, target in self.profile.arns.items():
            path, colon, end = target.partition(" ")[2].partition(":")
            same = (target.partition(" ")[0], path) == (module, reference)
            if same and suffix in (None, f"{colon}{end}"):
                return f"{{{name}}}"
        return f"{reference}{suffix or ''}"

    def _unknown_policy(self, argument: Argument, name: str) -> str:
        """Compare the HCL of a policy whose text is known only after apply, if it is available."""
        origins = self.stack.trace(argument.resource, argument.path)
        if not origins:
            return "is not set"
        if not any(_is_unknown(origin) for origin in origins):
            return "is null by a condition, or hidden by a function; write it without either"
        documents = [(o, r) for o in origins for r in o.resources if r.mode == "data"]
        written = self.written(argument)
        if documents and (wrong := self._other_document(argument, name, written)):
            return wrong
        if documents or written is None or not self.sources:
            return ""
        try:
            statements = [_statement(s) for s in policy_text.statements(decoded(written))]
        except ValueError:
            return f"is {written}"
        return self._differs(statements, name)

    def _other_document(self, argument: Argument, name: str, written: str | None) -> str:
        """Require the JSON of the document that has the statements of the policy."""
        found = [
            identity.removeprefix("data ")
            for identity in self.profile.identities(argument.module)
            if identity.startswith("data ")
            and (entry := self.profile.entry(argument.module, identity, argument.version))
            and entry.arguments.get("statement", Rule("", "")).text == f"policy {name}"
        ]
        wanted = f"data.{found[0]}" if found else "jsonencode() of the statements"
        origins = self.stack.trace(argument.resource, argument.path)
        plain = written in (None, f"{wanted}.json")
        if plain and all(
            o.attribute == "json" and [f"data.{r.type}.{r.name}" for r in o.resources] == [wanted]
            for o in origins
        ):
            return ""
        return f"comes from {', '.join(o.text for o in origins)}, not from {wanted}"

    def _differs(self, statements: list[str], name: str, resource: Resource | None = None) -> str:
        """Return how the statements differ from a policy of the profile.

        Without a resource, they are of HCL, and hold references instead of values.
        """
        lines = list(self.profile.policies.get(name, {}).values())
        patterns = [
            re.compile(
                self._fill(_escape(line), resource, re.escape)
                if resource
                else _PLACEHOLDER.sub(self._reference, _escape(line))
            )
            for line in lines
        ]
        extra = [line for line in statements if not any(p.fullmatch(line) for p in patterns)]
        if extra:
            return f"has the statement: {extra[0]}"
        for pattern, line in zip(patterns, lines, strict=True):
            if not any(pattern.fullmatch(text_) for text_ in statements):
                return f"lacks the statement: {line}"
        return "repeats a statement" if len(statements) != len(patterns) else ""

    def _reference(self, match: re.Match[str]) -> str:
        """Return a pattern of the reference that HCL has for a placeholder."""
        if match[1] not in self.profile.arns:
            return r"(var|local)\.[\w-]+"
        path, _, suffix = self.profile.arns[match[1]].partition(" ")[2].partition(":")
        reference = re.escape(path)
        return rf"\$\{{{reference}\}}:{re.escape(suffix)}" if suffix else reference

    def _parameters(self, argument: Argument, _: str) -> str:
        """Require the parameters of the design; others must not name the same ones again."""
        rules = of_version(self.profile.parameters, argument.version)
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
            for instance in self.instances(module, name, argument.resource.calls):
                identifier = text(instance.planned("identifier"))
                if instance.planned("identifier") is UNKNOWN:
                    now = f"{instance.address} has {identifier} as its identifier"
                    return f"cannot be compared: {now}"
                if json.dumps(identifier) not in metrics:
                    return f"has no metric of {identifier}"
        return ""

    def _fill(self, pattern: str, resource: Resource, quote: Callable[[str], str] = str) -> str:
        key, of_stack = resource.key, self._facts_of(resource)
        own = {"key": text(key), "instance": of_stack["name"]}
        if key not in (None, "primary"):
            own["instance"] = f"{of_stack['name']}-{key}"
        facts = {**of_stack, **own}

        def fill(match: re.Match[str]) -> str:
            if match[1] in self.profile.arns:
                return quote(self._arn(match[1], resource))
            if match[1] == "star":
                return r"\*?"
            if match[1] == "accounts":
                return _ACCOUNTS % quote(facts["account"])
            if match[1] == "buckets":
                return f"{_BUCKETS}(?:, {_BUCKETS})*"
            if match[1] == "readers":
                reader = _READER % (quote(facts["partition"]), quote(facts["account"]))
                return f"{reader}(?:, {reader})*"
            return quote(facts[match[1]]) if match[1] in facts else match[0]

        return _PLACEHOLDER.sub(fill, pattern)

    def _arn(self, name: str, user: Resource) -> str:
        """Return the planned ARN of a resource that the profile names, as policies hold it."""
        module, _, path = self.profile.arns[name].partition(" ")
        path, colon, suffix = path.partition(":")
        identity, _, attribute = path.rpartition(".")
        values = [r.planned(attribute) for r in self.instances(module, identity, user.calls)]
        if not values or UNKNOWN in values:
            return f"{{{name}}}"
        return ", ".join(sorted(f"{value}{colon}{suffix}" for value in values))

    def _stack_facts(self, path: tuple[str, ...]) -> dict[str, str]:
        """Return the values that the placeholders of the rules stand for, at a module call."""

        def planned(module: str, identity: str, argument: str) -> str:
            values = [r.planned(argument) for r in self.instances(module, identity, path)]
            return text(values[0]) if values else ""

        policy = planned("kms", "aws_kms_key.database", "policy")
        account = re.search(r":iam::(\d{12}):root", policy)
        zone = planned("network", "aws_subnet.private", "availability_zone")
        return {
            "name": planned("database", "aws_db_instance.primary", "identifier"),
            "engine": planned("database", "aws_db_instance.primary", "engine_version"),
            "account": account[1] if account else "",
            "region": zone[:-1],
            "partition": "aws-cn"
            if zone.startswith("cn-")
            else "aws-us-gov"
            if zone.startswith("us-gov")
            else "aws",
        }


def _is_hidden(fact: str | None) -> bool:
    hidden = text(UNKNOWN)
    return fact in ("", hidden, hidden[:-1])  # A region is a zone without its letter.


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


def _is_unknown(origin: Origin) -> bool:
    """Return whether an origin has a value that is known only after apply."""
    return any(r.planned(origin.attribute or "id") is UNKNOWN for r in origin.resources)


def _escape(line: str) -> str:
    """Escape a text for a pattern, but not its placeholders."""
    return re.sub(
        r"\\\{([a-z\\-]+)\\\}", lambda m: "{" + m[1].replace("\\", "") + "}", re.escape(line)
    )


def _statement(statement: Any) -> str:
    """Write a statement of a policy on one line, as the profile does.

    >>> _statement({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"})
    'Allow to sns:Publish on *'
    """
    if not isinstance(statement, Mapping):
        return shown(statement)
    principal = statement.get("Principal")
    kinds = principal if isinstance(principal, Mapping) else {"": principal}
    # A document writes everybody as the type * with the name *.
    who = [
        f"{kind} {shown(name)}".strip() for kind, names in kinds.items() for name in listed(names)
    ]
    who = ["*" if name == "* *" else _ACCOUNT.sub(_ROOT, name) for name in who]
    parts = [shown(statement.get("Effect")), ", ".join(sorted(who)), "to"]
    parts += [", ".join(sorted(map(shown, listed(statement.get("Action")))))]
    if statement.get("Resource") is not None:
        parts += ["on", ", ".join(sorted(map(text, listed(statement["Resource"]))))]
    conditions = [
        f"{test} {variable} {', '.join(sorted(map(text, listed(values))))}"
        for test, variables in (statement.get("Condition") or {}).items()
        for variable, values in variables.items()
    ]
    if conditions:
        parts += ["if", " and ".join(sorted(conditions))]
    others = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    parts += [f"with {name}" for name in statement if name not in others]
    return " ".join(filter(None, parts))


def _at_end(targets: list[tuple[Resource, str]], end: str) -> list[tuple[Resource, str]]:
    """Return the targets with the lowest or highest number as their key; all without keys."""
    order = {"lowest": min, "highest": max}[end]
    keys = [text(resource.key) for resource, _ in targets if resource.key is not None]
    key = order(keys, key=lambda key: (len(key), key), default="")
    return [t for t in targets if t[0].key is None or text(t[0].key) == key]


def _block(block: Any) -> str:
    """Write a statement block of a policy document as ``_statement`` does."""
    if not isinstance(block, Mapping):
        return shown(block)
    conditions: dict[str, dict[str, list[Any]]] = {}
    for condition in listed(block.get("condition")):
        parts = condition if isinstance(condition, Mapping) else {}
        variables = conditions.setdefault(shown(parts.get("test")), {})
        values = variables.setdefault(shown(parts.get("variable")), [])
        values.extend(listed(parts.get("values")) or [None])
    statement: dict[str, Any] = {
        "Effect": block.get("effect") or "Allow",
        "Action": block.get("actions"),
        "Resource": block.get("resources"),
        "Condition": conditions,
    }
    if principals := block.get("principals"):
        statement["Principal"] = by_type(principals)
    for name in ("not_actions", "not_resources", "not_principals"):
        if block.get(name):
            statement[name] = block[name]
    return _statement(statement)


def decoded(code: str) -> Any:
    """Return the value of ``jsonencode(...)`` in HCL, with references as texts; None if unclear.

    >>> decoded('jsonencode ( { A = [ "b" var.c ] } )')
    {'A': ['b', 'var.c']}
    """
    inner = re.fullmatch(r"jsonencode \( (.*) \)", code)
    if not inner:
        return None
    tokens = re.findall(r'"(?:\\.|[^"\\])*"|\S+', inner[1])
    parts = []
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else ""
        is_name = following in ("=", ":")
        if token in ("=", ":"):
            parts.append(":")
        elif token in ("[", "{"):
            parts.append(token)
        elif token in ("]", "}"):
            parts.append(f"{token},")
        else:
            literal = token.startswith('"') or token in ("true", "false", "null")
            value = token if literal and not is_name else json.dumps(token.strip('"'))
            parts.append(value if is_name else f"{value},")
    try:
        text = re.sub(r",\s*([]}])", r"\1", " ".join(parts)).strip().rstrip(",")
        return json.loads(text, object_pairs_hook=policy_text.once)
    except ValueError:
        return None


def listed(value: Any) -> list[Any]:
    """Return a value as a list, as policies allow both."""
    return [] if value is None else value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """Write a planned value as the profile writes it.

    >>> text(True), text(8000000000.0), text(None)
    ('true', '8000000000', 'not set')
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def merged(value: Any, unknown: Any) -> Any:
    """Return a planned value in which ``UNKNOWN`` stands for what is known only after apply."""
    if unknown is True:
        return UNKNOWN
    if not unknown:  # Most values: all of them is known.
        return value
    if isinstance(unknown, Mapping):
        parts = value if isinstance(value, Mapping) else {}
        return {k: merged(parts.get(k), unknown.get(k)) for k in {**parts, **unknown}}
    if isinstance(unknown, list):
        items = value if isinstance(value, list) else []
        size = max(len(items), len(unknown))
        return [
            merged(items[i] if i < len(items) else None, unknown[i] if i < len(unknown) else None)
            for i in range(size)
        ]
    return value
