"""Compare the resources of a plan with the design profile, and sort the differences by control.

The design covers stacks that finbase rendered: one of their modules has the name of a module of
the design and a version in its source. Then everything in the plan must be of the design.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from databases import PARTS, database_of, further
from design_calls import Call, calls_of, profile_of, sources_of
from design_code import Code
from design_places import Places
from design_profile import ELSEWHERE, Entry, Profile, Rule
from design_provider import Settings
from design_rules import Rules
from design_values import Argument, Deviation, merged, text
from design_wires import Wires
from existing import added_beside
from sources import Block, normalised
from stack_graph import UNKNOWN, Resource, Stack, once, shown

_OVERWRITES = {
    "aws_cloudwatch_metric_alarm": ("alarm_name",),
    "aws_cloudwatch_dashboard": ("dashboard_name",),
    "aws_cloudwatch_log_metric_filter": ("log_group_name", "name"),
    "aws_iam_role_policy": ("role", "name"),
    "aws_cloudwatch_event_rule": ("event_bus_name", "name"),
    "aws_sns_topic": ("name",),
    "aws_security_group": ("name",),
}
"""Types of which AWS has one resource of a name, by the arguments that name it."""

_CONSTANT = re.compile(r"optional is [^{]+")
_PLAIN = re.compile(r'"(?:[^"\\$%]|\\.)*"')
_ELSEWHERE = re.compile(
    r"\b(?:fileset|templatefile|abspath|pathexpand|timestamp|plantimestamp) ?\("
    r'|\bfile\w* ?\((?! ?"\$\{path\.module\}(?:/(?!\.)(?:[\w.-]|\$\{var\.region\})+)+" ?\))'
    r"|\bterraform\.workspace\b|\bpath\.cwd\b"
)
"""Functions whose result another machine or another time changes."""

_READ_BACK = ("ingress", "egress", "route", "inline_policy", "managed_policy_arns")
"""Arguments in which the provider shows what other resources write."""
_LOGS = "enabled_cloudwatch_logs_exports"
_KEPT = "B04"
"""The control of the resource that keeps Terraform from destroying a database."""
_IGNORED, _WAITS = "ignored changes", "waits for"
"""Names of rules that are not about an argument."""


class Judged(NamedTuple):
    """All deviations of a stack, and how many rules each control passed.

    ``guards`` says what the stack itself holds for its databases, and what of it was judged.
    """

    deviations: list[Deviation]
    passed: Counter[str]
    guards: list[str]


@once
def judged(stack: Stack) -> Judged:
    """Compare a stack with the design."""
    judge = _Judge(stack)
    return Judged(judge.deviations(), judge.passed, judge.kept)


def kept(stack: Stack, control: str) -> list[str]:
    """Return what the stack itself holds for a control, and what of it was judged."""
    return judged(stack).guards if control == _KEPT else []


class _Judge:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.profile: Profile = profile_of(stack)
        self.calls = calls_of(stack)
        modules = {call.path: call.module for call in self.calls}
        self.sources = sources_of(stack)
        self.places = Places(stack, self.profile, modules)
        self.rules = Rules(self.places, Code(stack, self.sources))
        self.passed: Counter[str] = Counter()
        self.intruders: dict[str, str] = {}
        """The identity of each resource outside of the design, by address."""
        self.users: dict[str, str] = {}
        """The control of an argument that uses a resource against the design, by address."""
        self.guards = {
            f"terraform_data.keep_{call.path[-1]}": call
            for call in self.calls
            if call.module == "database"
        }
        """The databases, by the resource of the stack that guards each."""
        self.kept: list[str] = []
        """The guards that are as they must be."""
        self.planned: dict[tuple[tuple[str, ...], str], list[Resource]] = {}
        for resource in stack.resources:
            key = resource.calls, resource.identity
            self.planned.setdefault(key, []).append(resource)

    def deviations(self) -> list[Deviation]:
        """Return all deviations; those of an argument come before those of whole resources.

        A resource outside of the design falls under the control of the argument that uses it.
        """
        differences = [Deviation(ELSEWHERE, problem) for problem in self.profile.problems]
        differences += [
            *Settings(self.stack, self.profile, self.calls, self.sources).deviations(),
            *self._outputs(),
            *self._moves(),
            *self._guarded(),
            *Wires(self.stack, self.profile, self.calls, self.sources).deviations(),
            *self._of_modules(),
        ]
        differences += self._overwritten()
        for address, identity in self.intruders.items():
            control = self.users.get(address, self.profile.control(identity))
            differences.append(Deviation(control, f"{address}: not of the design; remove it"))
        return differences

    def _guarded(self) -> Iterator[Deviation]:
        """Require the resource of the stack that Terraform refuses to destroy with a database.

        Terraform must replace it with an instance that is protected from deletion. What makes
        Terraform refuse is judged where the HCL is available: no plan shows it.
        """
        blocks = {_identity_of(b): b for b in self.stack.configuration.get("resources", ())}
        for identity, call in self.guards.items():
            instances = self.planned.get((call.path, "aws_db_instance.primary"), ())
            on = any(instance.planned("deletion_protection") is True for instance in instances)
            if wrong := self._of_guard(identity, call.path[-1], blocks.get(identity), on=on):
                yield Deviation(_KEPT, f"{identity}: {wrong}")
                continue
            self.passed[_KEPT] += 1
            if identity in blocks and on:
                text_ = "prevent_destroy is true"
                if not self.sources:
                    text_ = "no plan shows prevent_destroy"
                what = f"would be destroyed or replaced with module.{call.path[-1]}"
                self.kept.append(f"{identity}: {what}; {text_}")

    def _of_guard(
        self, identity: str, label: str, block: Mapping[str, Any] | None, *, on: bool
    ) -> str:
        """Return what is wrong with the guard of a database, which is protected if it is ``on``."""
        if block is None:
            text_ = f"missing; module.{label} has deletion protection, so render the stack again"
            return text_ if on else ""
        followed = {"references": [f"module.{label}.arn", f"module.{label}"]}
        many = {"count_expression", "for_each_expression"} & block.keys()
        if block.get("expressions") != {"triggers_replace": followed} or many:
            return f"must have triggers_replace = module.{label}.arn, and no other argument"
        if not self.sources:
            return ""
        written = self.sources.resource((), identity)
        if written is None or written.arguments != {"triggers_replace": f"module.{label}.arn"}:
            return f"must have triggers_replace = module.{label}.arn, and no other argument"
        lifecycle = [inner.arguments for inner in written.of("lifecycle")]
        if on and lifecycle != [{"prevent_destroy": "true"}]:
            return "must have a lifecycle block with prevent_destroy = true, and nothing else"
        return ""

    def _of_modules(self) -> Iterator[Deviation]:
        counts = Counter((self._database(call), call.module) for call in self.calls)
        for name in further(self.stack):
            for module, control in PARTS.items():
                if not counts[name, module]:
                    text_ = f"module.database_{name}: must have a module {module}_{name}; call it"
                    yield Deviation(control, text_)
        for call in self.calls:
            where = ".".join(f"module.{name}" for name in call.path)
            count = counts[self._database(call), call.module]
            if count > 1 and call.module in self.profile.once:
                yield Deviation(ELSEWHERE, f"{where}: {call.module} is called more than once")
            if call.module and any(
                k in call.call for k in ("for_each_expression", "count_expression")
            ):
                yield Deviation(ELSEWHERE, f"{where}: the module has count or for_each")
            if call.path and not call.module:
                text_ = "its source is not modules/NAME/VERSION of the project; remove it"
                yield Deviation(ELSEWHERE, f"{where}: {text_}")
            yield from self._module(call, where)

    def _database(self, call: Call) -> str:
        return database_of(self.stack, call.path)

    def _is_beside(self, one: Call, other: Call) -> bool:
        return self._database(one) == self._database(other)

    def _module(self, call: Call, where: str) -> Iterator[Deviation]:
        yield from self._code(call, where)
        yield from self._unread(call, where)
        blocks = {_identity_of(b): b for b in call.configuration.get("resources", ())}
        wanted = set(self._wanted(call))
        for identity, block in blocks.items():
            entry = self._entry(call, identity)
            address = f"{where}.{identity}".lstrip(".")
            if entry is None:
                if call.path or identity not in self.guards:
                    self.intruders[address] = identity
                continue
            yield from self._resource(call, identity, entry, address, block)
        for identity in sorted(wanted - blocks.keys()):
            entry = self._entry(call, identity)
            if entry and not identity.startswith("data "):
                text_ = f"{where}.{identity}: missing; the design requires it"
                yield Deviation(entry.instances.control, text_)

    def _entry(self, call: Call, identity: str) -> Entry | None:
        return self.profile.entry(call.module, identity, call.version) if call.module else None

    def _resource(
        self, call: Call, identity: str, entry: Entry, address: str, block: Mapping[str, Any]
    ) -> Iterator[Deviation]:
        instances = self.planned.get((call.path, identity), [])
        if not identity.startswith("data "):
            if wrong := self._count(call, entry, instances):
                yield Deviation(entry.instances.control, f"{address}: {wrong}")
            else:
                self.passed[entry.instances.control] += 1
        if block.get("provisioners"):
            yield Deviation("B12", f"{address}: has a provisioner; remove it")
        yield from self._ignored(call, identity, entry, address)
        yield from self._order(entry, address, block)
        for resource in instances:
            yield from self._arguments(call, entry, resource)
            yield from self._added(entry, resource)

    def _ignored(
        self, call: Call, identity: str, entry: Entry, address: str
    ) -> Iterator[Deviation]:
        """Refuse what no plan shows: changes that are ignored, and others that will replace it."""
        allowed = entry.arguments.get(_IGNORED, Rule("", "")).text.split(", ")
        if not self.sources:
            return
        for name in self.sources.lifecycle(call.path, identity, "replace_triggered_by"):
            text_ = f"{address}: is replaced when {name} changes; remove replace_triggered_by"
            yield Deviation(entry.instances.control, text_)
        for name in self.sources.lifecycle(call.path, identity, "ignore_changes"):
            if name not in allowed:
                rule = entry.arguments.get(name, entry.instances)
                text_ = f"{address}: ignores changes of {name}; remove it from ignore_changes"
                yield Deviation(rule.control, text_)

    def _order(self, entry: Entry, address: str, block: Mapping[str, Any]) -> Iterator[Deviation]:
        """Require ``depends_on``, where AWS would create what is missing without encryption."""
        rule = entry.arguments.get(_WAITS, Rule("", ""))
        missing = {*filter(None, rule.text.split(", "))} - {*block.get("depends_on", ())}
        for name in sorted(missing):
            yield Deviation(rule.control, f"{address}: must depend on {name}; add it to depends_on")

    def _code(self, call: Call, where: str) -> Iterator[Deviation]:
        """Compare the locals and outputs of a module with the profile, if the HCL is available."""
        if self.sources and call.module and not self.sources.folder(call.path):
            text_ = f"{where}: its HCL was not read, because its source is {call.call['source']}"
            yield Deviation(ELSEWHERE, f"{text_}; use a folder of the project")
            return
        for name, rule in self.profile.code(call.module).items() if self.sources else ():
            what, _, _ = name.partition(" ")
            written = self.sources.expression(call.path, what) if self.sources else None
            if self._is_code(call, written, rule.text):
                self.passed[rule.control] += 1
            else:
                text_ = f"{where}.{what} is {written}; the design says: {rule.text}"
                yield Deviation(rule.control, text_)

    def _is_code(self, call: Call, written: str | None, rule: str) -> bool:
        """Return whether an expression is like a pattern, leads to a reference, or is a text."""
        kind, _, operand = rule.partition(" ")
        if written is None or not self.sources:
            return False
        if kind == "like":
            return re.fullmatch(operand, written) is not None
        if kind == "from":
            module, _, reference = operand.partition(" ")
            path, end = self.sources.end(call.path, written)
            same = (c.module for c in self.calls if c.path == path and self._is_beside(c, call))
            return end == reference and module in same
        return written == normalised(rule)

    def _unread(self, call: Call, where: str) -> Iterator[Deviation]:
        """Refuse HCL that no plan shows: files in JSON, and blocks that act during every plan."""
        if not self.sources:
            return
        for name in self.sources.unread(call.path):
            text_ = f"{where or 'the stack'}: {name} is not read; write it as .tf, not in JSON"
            yield Deviation(ELSEWHERE, text_)
        for expression in _texts(self.sources.module(call.path)):
            for match in _ELSEWHERE.finditer(_PLAIN.sub('""', expression)):
                text_ = (
                    f"{where or 'the stack'}: {match[0].strip()} depends on the machine; remove it"
                )
                yield Deviation(ELSEWHERE, text_)
        for block in self.sources.module(call.path).of("ephemeral"):
            type_, name = block.labels[1:3]
            if type_ not in self.profile.ephemeral:
                address = f"{where}.ephemeral.{type_}.{name}".lstrip(".")
                text_ = f"{address}: not of the design; remove it"
                yield Deviation(self.profile.control(type_), text_)

    def _count(self, call: Call, entry: Entry, instances: list[Resource]) -> str:
        keys = {resource.key for resource in instances}
        rule = entry.instances.text
        if rule == "any":
            return ""
        if rule == "one":
            fine = len(instances) == 1 and keys == {None}
            return "" if fine else f"has {len(instances)} instances; the design has exactly one"
        word, _, operand = rule.partition(" ")
        if word == "with":
            return "" if operand in keys else f"has no instance {operand!r}"
        wanted = self._wanted_keys(call, operand)
        if wanted is None:
            name = re.split(r"item of | in ", operand)[-1].partition(" ")[0].replace("log", _LOGS)
            return f"cannot be counted: this plan does not show {name}; write it as a literal"
        if keys == wanted or (operand == "log" and keys > wanted):
            return ""
        names = ", ".join(sorted(map(str, wanted))) or "none"
        return f"has instances for {', '.join(sorted(map(str, keys))) or 'none'}, not for {names}"

    def _wanted_keys(self, call: Call, what: str) -> set[Any] | None:
        """Return the keys that a resource must have; None if the plan does not show them."""
        if what.startswith("zone and "):
            items = self._wanted_keys(call, what.removeprefix("zone and "))
            zones = self._wanted_keys(call, "zone") or ()
            return None if items is None else {f"{zone}/{item}" for zone in zones for item in items}
        if what == "zone":
            subnets = [
                r.planned("availability_zone")
                for name in ("public", "private", "database")
                for r in self.places.instances("network", f"aws_subnet.{name}", call.path)
            ]
            zones = set(subnets)
            if UNKNOWN in zones:
                return {"zones that this plan does not show"}
            return zones if len(zones) > 1 else {"two zones or more"}
        if what == "gateway":
            gateways = self.places.instances("network", "aws_nat_gateway.main", call.path)
            return {gateway.key for gateway in gateways}
        if what.startswith("part "):
            name = what.removeprefix("part ")
            own = self._database(call)
            same = (other for other in self.calls if self._database(other) == own)
            return {name} if any(other.module == name for other in same) else set()
        if what == "log":
            instances = [r for r in self.stack.all("aws_db_instance") if r.calls == call.path]
            logs = instances[0].planned(_LOGS) if instances else []
            return None if logs is UNKNOWN else set(map(shown, logs or ()))
        if what.startswith("item of "):
            name, *terms = what.removeprefix("item of ").split(" ")
            items = _input(call, name)
            if not isinstance(items, list | Mapping):
                return None
            pairs = [*zip(terms[::2], terms[1::2], strict=True)]
            return {i for i in items if all(_meets(items, i, *pair) for pair in pairs)}
        if what.startswith("value of "):
            field, _, name = what.removeprefix("value of ").partition(" in ")
            items = _input(call, name)
            values = items.values() if isinstance(items, Mapping) else ()
            return {i[field] for i in values if i.get(field)} if items is not None else None
        primary = self.places.instances("database", "aws_db_instance.primary", call.path)
        name = text(primary[0].planned("identifier")) if primary else ""
        replicas = {
            text(r.planned("identifier")).removeprefix(f"{name}-")
            for r in self.places.instances("replica", "aws_db_instance.replica", call.path)
        }
        return replicas | ({"primary"} if what == "instance" else set())

    def _arguments(self, call: Call, entry: Entry, resource: Resource) -> Iterator[Deviation]:
        seen: set[str] = set()
        hidden: list[str] = []
        values = merged(resource.values, resource.unknown)
        for path, rule_name in self._paths(entry, resource):
            rule = entry.arguments.get(rule_name)
            argument = Argument(resource, path, _value(values, path), call.module, call.version)
            if rule is None:
                if not self.rules.is_unset(argument):
                    control = self._control_of(entry, resource)
                    text_ = f"{path} = {shown(argument.value)} is not of the design; remove it"
                    if argument.value is UNKNOWN:
                        hidden.append(f"{rule_name}.")
                        text_ = f"this plan does not show {path}; write it as the design does"
                    yield Deviation(control, f"{resource.address}: {text_}")
                continue
            seen.add(rule_name)
            yield from self._judge_argument(argument, rule)
        for name, rule in entry.arguments.items():
            if (
                name not in seen
                and name not in (_IGNORED, _WAITS)
                and not rule.text.startswith("optional ")
                and not name.startswith((*hidden,))
            ):
                text_ = f"{name} is not set; the design says: {rule.text}"
                yield Deviation(rule.control, f"{resource.address}: {text_}")

    def _judge_argument(self, argument: Argument, rule: Rule) -> Iterator[Deviation]:
        wrong = self.rules.problem(argument, rule.text)
        if wrong:
            for address in self.rules.intruders:
                self.users.setdefault(re.sub(r"\[[^]]*\]", "", address), rule.control)
            self.rules.intruders = {}
            text_ = f"{argument.path} {wrong}; the design says: {rule.text}"
            yield Deviation(rule.control, f"{argument.resource.address}: {text_}")
        else:
            self.passed[rule.control] += 1

    def _added(self, entry: Entry, resource: Resource) -> Iterator[Deviation]:
        """Refuse what an existing resource has in AWS and no resource of the plan writes."""
        for name in _READ_BACK:
            for number in added_beside(self.stack, resource, name):
                item = resource.planned(f"{name}.{number}")
                parts = item if isinstance(item, Mapping) else {name: item}
                values = shown({key: value for key, value in parts.items() if value})
                text_ = f"{name}: AWS has {values}, which no resource of the plan writes"
                control = self._control_of(entry, resource)
                yield Deviation(control, f"{resource.address}: {text_}; remove it from AWS")

    def _paths(self, entry: Entry, resource: Resource) -> Iterator[tuple[str, str]]:
        """Yield each argument that has a value by the configuration, with its rule.

        Also what the provider sets to a constant of the design: somebody may change it in AWS.
        """
        expressions = resource.configuration.get("expressions", {})
        tops = dict.fromkeys(expressions)
        for name, rule in entry.arguments.items():
            if resource.values.get(name) is not None and _CONSTANT.fullmatch(rule.text):
                tops[name] = None
        for name, value in resource.values.items():
            is_block = isinstance(value, list) and any(isinstance(i, Mapping) for i in value)
            if is_block and (name not in self.profile.computed or resource.holds(name)):
                tops[name] = None
        for top in tops:
            if top in entry.arguments:
                yield top, top
                continue
            leaves = dict.fromkeys(resource.paths(top))
            planned = resource.values.get(top)
            if isinstance(planned, list) and any(isinstance(i, Mapping) for i in planned):
                leaves |= dict.fromkeys(_leaves(planned, top))
            for path in leaves or (top,):
                yield path, ".".join(part for part in path.split(".") if not part.isdecimal())

    def _control_of(self, entry: Entry, resource: Resource) -> str:
        """Return the control of an argument that has no rule: that of the resource."""
        if "other" in entry.arguments:
            return entry.arguments["other"].control
        return self.profile.control(resource.type)

    def _outputs(self) -> Iterator[Deviation]:
        """Refuse outputs of the stack that hold a secret: every reader of the state sees them."""
        for name, output in self.stack.configuration.get("outputs", {}).items():
            if output.get("sensitive"):
                text_ = f"output {name}: is sensitive; remove it, and read the secret instead"
                yield Deviation(ELSEWHERE, text_)

    def _moves(self) -> Iterator[Deviation]:
        """Refuse to make one resource of the design of another one that it still describes."""
        wanted = {(call.path, i) for call in self.calls for i in self._wanted(call)}
        for address, previous in self.stack.moves():
            place, before = _place(address), _place(previous)
            if place != before and before in wanted:
                text_ = f"{address}: is moved from {previous}, which the design holds, too"
                yield Deviation(self.profile.control(place[1]), f"{text_}; remove the moved block")

    def _overwritten(self) -> Iterator[Deviation]:
        """Refuse one name for two resources: AWS refuses one, or keeps the last one silently."""
        for type_, arguments in _OVERWRITES.items():
            first: dict[tuple[str, ...], str] = {}
            for resource in self.stack.all(type_):
                names = tuple(map(resource.planned, arguments))
                if all(isinstance(name, str) for name in names):
                    address = first.setdefault(names, resource.address)
                    if address != resource.address:
                        text_ = f"has the same {arguments[-1]} {names[-1]} as {address}"
                        control = self.profile.control(type_)
                        fix = "AWS cannot have both; use another name"
                        yield Deviation(control, f"{resource.address}: {text_}; {fix}")

    def _wanted(self, call: Call) -> Iterator[str]:
        """Yield the identities that the design has in a module of this version."""
        for identity in self.profile.identities(call.module) if call.module else ():
            if self._entry(call, identity):
                yield identity


def _input(call: Call, name: str) -> Any:
    """Return an input that a call sets for its module; None if the plan does not show it."""
    value = call.call.get("expressions", {}).get(name, {})
    if not value:
        declared = call.configuration.get("variables", {}).get(name, {})
        value = {"constant_value": declared.get("default")}
    return value.get("constant_value")


def _meets(items: Any, key: Any, word: str, term: str) -> bool:
    """Return whether the item of a key has, ``with`` or ``without``, a name or ``name=value``.

    >>> clients = {"a": {"to": ["cache"], "cidr": None}}
    >>> [_meets(clients, "a", *t) for t in (("with", "to=cache"), ("without", "cidr"))]
    [True, True]
    """
    name, equals, wanted = term.partition("=")
    value = items[key].get(name)
    has = wanted in (value if isinstance(value, list) else [value]) if equals else value is not None
    return has == (word == "with")


def _texts(block: Block) -> Iterator[str]:
    """Yield every expression in a block and in those inside it."""
    yield from block.arguments.values()
    for inner in block.blocks:
        yield from _texts(inner)


def _place(address: str) -> tuple[tuple[str, ...], str]:
    """Return the module path and the identity in the address of a resource.

    >>> _place('module.kms.aws_kms_key.logs["a"]')
    (('kms',), 'aws_kms_key.logs')
    """
    bare = re.sub(r"\[[^]]*\]", "", address)
    names = re.findall(r"module\.([\w-]+)\.", bare)
    return tuple(names), bare.removeprefix("".join(f"module.{name}." for name in names))


def _value(value: Any, path: str) -> Any:
    """Return the value at a path such as ``a.0.b``; that of a whole block that is unknown."""
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal():
            value = value[int(part)] if int(part) < len(value) else None
        elif value is None or isinstance(value, str | int):
            value = None
        else:
            break
    return value


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}.{number}")
    elif isinstance(value, Mapping) and path.rpartition(".")[2].isdecimal():
        for name, part in value.items():
            if part not in (None, "", [], {}):
                yield from _leaves(part, f"{path}.{name}")
    else:
        yield path


def _identity_of(block: Mapping[str, Any]) -> str:
    return f"{'data ' if block['mode'] == 'data' else ''}{block['type']}.{block['name']}"
