"""Judge what a module of the project itself takes from the design: by reference, or by name.

The sections ``allowed`` and ``lent`` of ``design.yaml`` list what it may have and take. Everything
else fails, so a new type or argument of AWS opens no hole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from beside import DESCRIPTIONS, LABELS, POLICIES, of_own_modules, texts
from design_calls import is_module_of_design, is_of_design, sources_of
from design_profile import design
from forms import changed, literals, odd
from sources import Block, Sources, words
from stack_graph import UNKNOWN, Resource, Stack, module_path, shown

_REFERENCE = re.compile(r"(?<![\w.])((?:aws|terraform)_\w+)\.([\w-]+)(?:\.([\w-]+))?")
_FOR = re.compile(r" for (?:[\w-]+ )?([\w-]+) in ((?:aws|terraform)_\w+)\.([\w-]+)")
_NAMES = ("name", "identifier", "function_name", "dashboard_name", "alarm_name", "bucket")
_IDENTITIES = ("id", "arn", "key_id")
_OWN = (
    *_IDENTITIES,
    "name",
    "url",
    "bucket",
    "zone_id",
    "function_name",
    "qualified_arn",
    "invoke_arn",
)
_DECIDING = (
    *("acl", "principal", "function_url_auth_type", "internal", "associate_public_ip_address"),
    *("assign_public_ip", "block_public_acls", "block_public_policy", "ignore_public_acls"),
    *("restrict_public_buckets", "overwrite", "protocol", "scheme"),
)
"""Arguments that let others in, or replace what exists."""
_DESIGNATES = re.compile(r"identifier|source|cluster|instance|cache|resource|database|db_|arn")
_ARN = re.compile(r"arn:[\w-]+:([\w-]+):[^:]*:[^:]*:(.+)")
SERVICES = {
    "rds": "aws_db_*",
    "secretsmanager": "aws_secretsmanager_*",
    "lambda": "aws_lambda_*",
    "iam": "aws_iam_*",
    "sns": "aws_sns_*",
    "events": "aws_cloudwatch_event_*",
    "cloudwatch": "aws_cloudwatch_metric_alarm",
    "logs": "aws_cloudwatch_log_*",
    "elasticache": "aws_elasticache_*",
    "kms": "aws_kms_*",
    "ec2": "aws_*",
}
"""The types whose names an ARN of a service has."""
_IDS = {
    r"vpc-[\da-f]+": "aws_vpc",
    r"subnet-[\da-f]+": "aws_subnet",
    r"rtb-[\da-f]+": "aws_route_table",
    r"sg-[\da-f]+": "aws_security_group",
    r"vpce-[\da-f]+": "aws_vpc_endpoint",
    r"eipalloc-[\da-f]+": "aws_eip",
    r"eni-[\da-f]+": "aws_nat_gateway",
    r"nat-[\da-f]+": "aws_nat_gateway",
    r"igw-[\da-f]+": "aws_internet_gateway",
    r"arn:[\w-]+:kms:.*:key/.+|mrk-[\da-f]{32}": "aws_kms_key",
}
"""Patterns of ids that AWS chooses, by the type of what they name."""


class Taken(NamedTuple):
    """What an argument takes: ``type.name`` and attribute of the design; the latter may be hidden.

    ``address`` names it for a message. ``of_stack`` says that it has the name of the stack.
    """

    identity: str
    attribute: str
    address: str
    of_stack: bool = False


def not_allowed(stack: Stack) -> Iterator[str]:
    """Yield resources and data sources of types that no module of the project itself may have."""
    for resource in of_own_modules(stack):
        patterns = design().allowed
        if resource.mode == "managed" and not any(fnmatchcase(resource.type, p) for p in patterns):
            text = "a module of the project may not have this type; manage it outside of the stack"
            yield f"{resource.address}: {text}"
    # Also those that are not planned, such as those of a check block.
    for address, block in stack.written():
        path = tuple(name for name, _ in module_path(address))
        if not path or is_module_of_design(stack, path) or block["mode"] != "data":
            continue
        if block["type"] not in design().reads:
            text = "a module of the project may not have this data source"
            text += ", which AWS answers with the credentials of the apply"
            yield f"{address}: {text}; take the value from an input"


def not_lent(stack: Stack) -> Iterator[str]:
    """Yield what a module of the project itself takes or names, and the design does not lend."""
    sources = sources_of(stack)
    names = [*_names(stack)]
    for resource in of_own_modules(stack):
        found = [*_references(stack, resource)]
        if sources:
            found += _in_hcl(sources, stack, resource)
        found += _named(resource, names)
        for path, taken in dict.fromkeys(found):
            if not _is_lent(resource.type, path, taken):
                what = f"{taken.address}.{taken.attribute}".rstrip(".")
                yield f"{resource.address}: {path} takes {what}, which the design does not lend"
        yield from _unknown_ids(stack, resource)


def _is_lent(type_: str, path: str, taken: Taken) -> bool:
    argument = f"{type_}.{path}"
    for what, arguments in design().lent.items():
        identity, _, attribute = what.rpartition(".")
        same = fnmatchcase(taken.identity, identity) and taken.attribute in ("", attribute)
        if same and any(fnmatchcase(argument, each) for each in arguments.split(", ")):
            return True
    return False


def _references(stack: Stack, resource: Resource) -> Iterator[tuple[str, Taken]]:
    """Yield what the plan shows of the references of each argument."""
    for argument in resource.configuration.get("expressions", {}):
        for path in resource.paths(argument):
            for origin in stack.trace(resource, path):
                for target in origin.resources:
                    if target.mode == "managed" and is_of_design(stack, target):
                        attribute = origin.attribute.partition(".")[0]
                        identity = f"{target.type}.{target.name}"
                        yield _plain(path), Taken(identity, attribute, target.address)


def _in_hcl(sources: Sources, stack: Stack, resource: Resource) -> Iterator[tuple[str, Taken]]:
    """Yield what the HCL shows, through locals, functions, conditions and loops."""
    block = sources.resource(resource.calls, resource.identity)
    for argument, text in _arguments(block, "") if block else ():
        for place, step in sources.steps(resource.calls, text):
            if not is_module_of_design(stack, place):
                continue
            loops = {item: (type_, name) for item, type_, name in _FOR.findall(f" {step}")}
            of_items = [
                (*loops[item], attribute)
                for item, attribute in re.findall(r"(?<![\w.])([\w-]+)\.([\w-]+)", step)
                if item in loops
            ]
            whole = {*loops.values()} if of_items else set()
            for type_, name, attribute in [*_REFERENCE.findall(step), *of_items]:
                if attribute or (type_, name) not in whole:
                    address = ".".join([*(f"module.{each}" for each in place), type_, name])
                    yield argument, Taken(f"{type_}.{name}", attribute, address)


def _arguments(block: Block, under: str, items: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of every argument of a block, without tags.

    The text of ``each.value`` and of a dynamic block holds the collection, ``items``, too.
    """
    items = f"{items} {block.arguments.get('for_each', '')}".strip()
    for name, text in block.arguments.items():
        if name not in (*LABELS, "depends_on", "for_each", "count", "provider", "iterator"):
            yield f"{under}{name}", f"{text} {items}".strip() if ".value" in text else text
    for inner in block.blocks:
        kind = inner.labels[-1]
        if kind != "lifecycle":
            below = under if kind == "content" else f"{under}{kind}."
            yield from _arguments(inner, below, items)


def _names(stack: Stack) -> Iterator[tuple[str, str, Taken]]:
    """Yield each known name of the design: its text, its type, and what it names."""
    design_ = [r for r in stack.resources if r.mode == "managed" and is_of_design(stack, r)]
    stacks = [r.planned("identifier") for r in design_ if r.type == "aws_db_instance"]
    for target in design_:
        identity = f"{target.type}.{target.name}"
        for attribute in (*_NAMES, *_IDENTITIES):
            value = target.planned(attribute)
            if isinstance(value, str) and not value.isdecimal():
                taken = Taken(identity, attribute, target.address, value in stacks)
                yield value, target.type, taken


def _named(resource: Resource, names: list[tuple[str, str, Taken]]) -> Iterator[tuple[str, Taken]]:
    """Yield what the known values of a resource name; a name of its own may be that of another."""
    for path, text in texts(resource.values, ""):
        plain = _plain(path)
        if plain in DESCRIPTIONS:
            continue
        arn = _ARN.fullmatch(text)
        for name, type_, taken in names:
            # RDS and IAM ignore the case of a name.
            if text.lower() == name.lower() and _means(plain, resource, type_, taken):
                yield plain, taken
            elif arn and _is_of(arn, name, type_):
                yield plain, taken._replace(attribute="arn")


def _means(path: str, resource: Resource, type_: str, taken: Taken) -> bool:
    """Return whether an argument that has a name of the design names it.

    A name is only one of its type, and the name of the stack is that of its database, too.
    """
    if taken.attribute not in _NAMES or resource.mode == "data":
        return True
    if path in (*_NAMES, "family", "name_prefix"):
        # Alarms of all kinds share their names.
        return type_ == resource.type or path == taken.attribute == "alarm_name"
    return not taken.of_stack or _DESIGNATES.search(path) is not None


def _is_of(arn: re.Match[str], name: str, type_: str) -> bool:
    """Return whether an ARN has the name of a resource of a type in it."""
    if not fnmatchcase(type_, SERVICES.get(arn[1], "")):
        return False
    end = r"(?:$|[:/*]|-[\w?*]{1,6}$)"
    return re.search(rf"(?:^|[:/]){re.escape(name)}{end}", arn[2], re.IGNORECASE) is not None


def _unknown_ids(stack: Stack, resource: Resource) -> Iterator[str]:
    """Yield literal ids that can be of the design, because the plan does not show its ids."""
    for path, text in texts(resource.values, ""):
        type_ = next((t for pattern, t in _IDS.items() if re.fullmatch(pattern, text)), "")
        unknown = (
            target
            for target in stack.all(type_)
            if is_of_design(stack, target) and target.planned("id") is UNKNOWN
        )
        target = next(unknown, None)
        plain = _plain(path)
        if target and not any(
            _is_lent(resource.type, plain, Taken(f"{t.type}.{t.name}", attribute, ""))
            for t in stack.all(type_)
            for attribute in _IDENTITIES
        ):
            now = f"{plain} = {shown(text)}"
            text = f"this plan does not show whether {now} is of the design"
            yield f"{resource.address}: {text}; refer to a resource of the module instead"


def _plain(path: str) -> str:
    """Return the path of an argument without numbers.

    >>> _plain("vpc_config.0.subnet_ids.1")
    'vpc_config.subnet_ids'
    """
    return ".".join(part for part in path.split(".") if not part.isdecimal())


def not_own(stack: Stack) -> Iterator[str]:
    """Yield what would change or use something of others, such as their bucket or role."""
    for resource in of_own_modules(stack):
        for argument, type_ in _extended(resource.type) if resource.mode == "managed" else ():
            block = argument.partition(".")[0]
            if not resource.writes(block) and block != argument and resource.holds(block):
                text = f"{block} is a dynamic block; write the block itself"
                yield f"{resource.address}: {text}, because the plan does not show its references"
            for path in resource.paths(block) if resource.writes(block) else ():
                if _plain(path) == argument and not is_own(stack, resource, path, type_):
                    text = f"{argument} must be of an {type_} of the module"
                    yield f"{resource.address}: {text}; refer to one directly"


def is_own(stack: Stack, resource: Resource, argument: str, type_: str) -> bool:
    """Return whether an argument is the name of a resource of a type beside the design."""
    origins = stack.trace(resource, argument)
    reached = [(target, o.attribute) for o in origins for target in o.resources]
    own = all(
        (r.mode, r.type) == ("managed", type_) and attribute in _OWN and not is_of_design(stack, r)
        for r, attribute in reached
    )
    if not origins or not own or not all(origin.resources for origin in origins):
        return False
    for place, step in _written(stack, resource, argument):
        if step and not is_module_of_design(stack, place) and changed(words(step), _OWN, many=True):
            return False
    known = [r.planned(name) for r, _ in reached for name in _OWN]
    return all(value is UNKNOWN or value in known for value in resource.items(argument))


def hidden(stack: Stack) -> Iterator[str]:
    """Yield values that the plan does not show, and that may be others than their references.

    A function or a condition around a reference can turn it into any text, and a reference can be
    empty. Names, and what lets others in, must always be known.
    """
    names = [name.lower() for name, _, taken in _names(stack) if taken.attribute in _NAMES]
    for resource in of_own_modules(stack):
        of_others = [argument for argument, _ in _extended(resource.type)]
        for argument in (*_NAMES, *_DECIDING):
            for path in _paths(resource, argument):
                if resource.planned(path) is UNKNOWN and _plain(path) not in of_others:
                    text = f"this plan does not show {_plain(path)}; write it as a literal"
                    yield f"{resource.address}: {text}, or of known values"
        for argument in resource.configuration.get("expressions", {}):
            if _is_known(resource.unknown.get(argument)):
                continue
            for place, step in _written(stack, resource, argument):
                if place and not is_module_of_design(stack, place):
                    yield from _odd(resource, argument, words(step), names)


def _odd(resource: Resource, argument: str, step: list[str], names: list[str]) -> Iterator[str]:
    if wrong := odd(step):
        text = f"this plan does not show {argument}, and {wrong} may change it"
        yield f"{resource.address}: {text}; write references and texts only"
        return
    if argument in POLICIES or resource.type == "aws_iam_policy_document":
        return  # Their statements are judged.
    for text in literals(step):
        plain = text.lower()
        if "arn:" in plain or "finbase-" in plain or any(name in plain for name in names):
            said = f"this plan does not show {argument}, which has the text {text}"
            yield f"{resource.address}: {said}; refer to a resource of the module"


def _extended(type_: str) -> Iterator[tuple[str, str]]:
    """Yield the arguments of a type that name another resource of the module, and its type."""
    for pattern, rules in design().extends.items():
        if fnmatchcase(type_, pattern):
            for rule in rules.split(", "):
                argument, _, wanted = rule.partition(" of ")
                yield argument, wanted


def _paths(resource: Resource, name: str) -> Iterator[str]:
    """Yield each written path whose last part is a name."""
    for argument in resource.configuration.get("expressions", {}):
        for path in resource.paths(argument):
            if _plain(path).rpartition(".")[2] == name:
                yield path


def _is_known(marks: object) -> bool:
    """Return whether no part of a value is unknown.

    >>> _is_known(None), _is_known({"a": [False]}), _is_known([{"a": True}])
    (True, True, False)
    """
    if isinstance(marks, dict):
        return all(map(_is_known, marks.values()))
    return all(map(_is_known, marks)) if isinstance(marks, list) else marks is not True


def _written(
    stack: Stack, resource: Resource, argument: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every expression of an argument and of the blocks in it, on its whole way."""
    sources = sources_of(stack)
    block = sources.resource(resource.calls, resource.identity) if sources else None
    wanted = _plain(argument)
    for name, text in _arguments(block, "") if block and sources else ():
        if name == wanted or name.startswith(f"{wanted}."):
            yield from sources.steps(resource.calls, text) if sources else ()
