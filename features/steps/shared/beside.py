"""Judge what stands beside the design: whom it lets in, and which secrets it reads.

A module of the project itself may have any resource that its own profile allows. So these rules
do not list types: they look at every value and every reference of such a module.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from design_calls import is_module_of_design, is_of_design, sources_of
from design_profile import design
from forms import pieces
from sources import Block, words
from stack_graph import UNKNOWN, Origin, Resource, Stack, module_path, shown

_ACCOUNT = re.compile(r"(?<![\w.+])(\d{12})(?!\w)")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')
_UUID = re.compile(r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b", re.IGNORECASE)
_OF_AWS = {"017000801446", "580247275435"}
"""Accounts in which AWS publishes layers: Powertools and Lambda Insights."""
POLICIES = (
    *("policy", "assume_role_policy", "access_policies", "resource_policy", "policy_document"),
    *("access_policy", "file_system_policy", "policy_text", "key_policy", "repository_policy"),
)
"""Arguments that are policies, whose statements are judged."""
LABELS = ("tags", "tags_all")
DESCRIPTIONS = ("description", "comment")
_URL = re.compile(r"\b(?!s3:)[a-z][a-z0-9+.-]*://(?:[^\s/@\"']*@)?([^\s/:?#\"'$]*)", re.IGNORECASE)
_MAILBOX = re.compile(r"(?<![\w.+/-])[\w.+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_PROTOCOLS = ("application", "email", "email-json", "http", "https", "sms")
"""Protocols by which SNS sends messages out of AWS."""
_OF_SERVICES = re.compile(
    r"(.+\.)?(amazonaws\.com(\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)"
)
_OUTSIDE = (
    "no module may name a host or a mailbox of others, because AWS could send data there: manage "
    "this resource outside of the stack"
)
_HOST = re.compile(r"[a-z0-9_*.-]*")
_ABOVE = {"", "com", "aws", "cn", "com.cn"}
_REFERENCE = re.compile(r"/aws/reference/secretsmanager/|\{\{ *resolve:", re.IGNORECASE)
_PUBLIC = {
    "acl": ("public-read", "public-read-write", "authenticated-read"),
    "authorization_type": ("NONE",),
    "group": ("all",),
    "publicly_accessible": (True,),
    "block_public_acls": (False,),
    "block_public_policy": (False,),
    "ignore_public_acls": (False,),
    "restrict_public_buckets": (False,),
}
"""Values that let everybody in, by the name of the argument."""
_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")
"""Groups of S3, by the ends of their addresses."""
_KIND = "aws_secretsmanager_secret"


def foreign_accounts(stack: Stack, own: str) -> Iterator[str]:
    """Yield each value beside the design that has the id of another account.

    The HCL shows the literal parts of values that are known only after apply.
    """
    for resource in _beside(stack):
        # Other data sources show what is in the account, such as the owner of an image.
        if resource.mode == "data" and resource.type != "aws_iam_policy_document":
            continue
        for path, text in texts(resource.values, ""):
            yield from _of_others(f"{resource.address}: {path}", text, own)
    for path, text in _written(stack):
        yield from _of_others(path, text, own)


def hosts_outside(stack: Stack) -> Iterator[str]:
    """Yield each value beside the design by which AWS would send data to a host of others."""
    for resource in _beside(stack):
        if resource.mode != "managed":
            continue
        if resource.type == "aws_sns_topic_subscription":
            protocol = resource.planned("protocol")
            if protocol is UNKNOWN or protocol in _PROTOCOLS:
                text = f"protocol = {shown(protocol)} sends messages out of AWS"
                yield f"{resource.address}: {text}; write lambda, firehose or sqs"
        for path, text in texts(resource.values, ""):
            if path.rpartition(".")[2] not in DESCRIPTIONS:
                yield from _addresses(f"{resource.address}: {path}", text)
                yield from _addresses(f"{resource.address}: {path}, decoded,", _decoded(text))
    for place, text in _written(stack, but=DESCRIPTIONS):
        yield from _addresses(place, text)


def _decoded(text: str) -> str:
    """Return what a text in Base64 says; empty if it is none.

    >>> _decoded("Y3VybCBodHRwOi8vMTk4LjUxLjEwMC43"), _decoded("a text")
    ('curl http://198.51.100.7', '')
    """
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except ValueError:
        return ""


def _addresses(place: str, text: str) -> Iterator[str]:
    hosts = [h for h in _URL.findall(text) if not _OF_SERVICES.fullmatch(h.lower())]
    for name in dict.fromkeys((*hosts, *_MAILBOX.findall(text))):
        what = f"the mailbox {name}" if "@" in name else f"the host {name or 'of an expression'}"
        yield f"{place} names {what}, which is not of AWS; {_OUTSIDE}"


def open_doors(stack: Stack) -> Iterator[str]:
    """Yield what lets everybody in, or leads callers of AWS's names elsewhere."""
    for resource in _beside(stack):
        if resource.mode != "managed":
            continue
        for argument, values in _PUBLIC.items():
            if (value := resource.planned(argument)) in values:
                text = f"{argument} = {shown(value)} lets everybody in; remove it"
                yield f"{resource.address}: {text}"
        if resource.type == "aws_lb" and resource.planned("internal") is not True:
            now = shown(resource.planned("internal"))
            text = f"internal = {now} lets the internet in; set it to true"
            yield f"{resource.address}: {text}"
        for path, text in texts(resource.values, ""):
            if text.endswith(_EVERYBODY):
                yield f"{resource.address}: {path} = {text} lets everybody in; remove the grant"
            if text == "CanonicalUser":
                yield f"{resource.address}: {path} lets another account in; remove the grant"
        if resource.type.startswith("aws_route53_"):
            for argument in ("name", "domain_name"):
                name = resource.planned(argument)
                if isinstance(name, str) and not _HOST.fullmatch(name.lower()):
                    text = f"{argument} = {name} is none of letters, digits, dots and hyphens"
                    yield f"{resource.address}: {text}; write it without escapes"
                elif isinstance(name, str) and _is_name_of_aws(name):
                    text = f"{argument} = {name} answers for names of AWS; remove it"
                    yield f"{resource.address}: {text}"


def read_secrets(stack: Stack) -> Iterator[str]:
    """Yield what reads or replaces a secret of the design, or takes a secret value from it."""
    names = {
        value
        for secret in stack.all(_KIND)
        if is_of_design(stack, secret)
        for name in ("name", "name_prefix", "arn", "id")
        if isinstance(value := secret.planned(name), str)
    }
    for resource in _beside(stack):
        for path, text in texts(resource.values, ""):
            if _REFERENCE.search(text):
                yield f"{resource.address}: {path} reads a secret by reference; remove it"
        if resource.mode == "data" and resource.type == f"{_KIND}s":
            yield f"{resource.address}: lists all secrets of the account; name one"
        for path, origin in _origins(stack, resource):
            if any(
                is_of_design(stack, r) and stack.is_secret(r, origin.attribute)
                for r in origin.resources
                if origin.attribute or r.type in (f"{_KIND}_version", "terraform_data")
            ):
                text = f"{path} comes from {origin.text}, a secret of the design"
                yield f"{resource.address}: {text}; only the design may read it"
        if resource.type.startswith(_KIND) and resource.type != _KIND:
            yield from _of_other_secrets(stack, resource, names)
    for text in _ephemeral(stack):
        yield f"{text} can be a secret of the design; refer to a secret of the module"
    yield from _hidden_patterns(stack)


def _origins(stack: Stack, resource: Resource) -> Iterator[tuple[str, Origin]]:
    """Yield each argument of a resource with every origin of its value."""
    for argument in resource.configuration.get("expressions", {}):
        for path in resource.paths(argument):
            yield from ((path, origin) for origin in stack.trace(resource, path))


def _of_other_secrets(stack: Stack, resource: Resource, names: set[str]) -> Iterator[str]:
    """Require a secret beside the design: named by a literal, or a resource beside it."""
    for argument in ("secret_id", "secret_arn", "arn", "name"):
        if not resource.writes(argument):
            continue
        value = resource.planned(argument)
        if isinstance(value, str):
            own = not any(name in value or value in name for name in names)
        else:
            origins = stack.trace(resource, argument)
            literals = [o.literal for o in origins if not o.resources]
            own = bool(origins) and all(
                isinstance(text, str) and not any(name in text for name in names)
                for text in literals
            )
            own &= all(
                (r.mode, r.type) == ("managed", _KIND) and not is_of_design(stack, r)
                for o in origins
                for r in o.resources
            )
        if not own:
            text = f"{argument} can be a secret of the design; refer to a secret of the module"
            yield f"{resource.address}: {text}"


def _beside(stack: Stack) -> Iterator[Resource]:
    yield from (r for r in stack.resources if not is_of_design(stack, r))


def of_own_modules(stack: Stack) -> Iterator[Resource]:
    """Yield what is in modules of the project itself; D01 refuses all else beside the design."""
    for resource in _beside(stack):
        if resource.module and not is_module_of_design(stack, resource.calls):
            yield resource


def _ephemeral(stack: Stack) -> Iterator[str]:
    """Yield ephemeral reads of secrets that the HCL does not show to be the module's own.

    A plan contains no ephemeral resource, only the arguments that refer to one.
    """
    sources = sources_of(stack)
    if sources is None:
        for resource in _beside(stack):
            for argument, origin in _origins(stack, resource):
                if f"ephemeral.{_KIND}" in origin.text:
                    yield f"{resource.address}: {argument} comes from {origin.text}"
        return
    for path in _modules(stack):
        for block in sources.module(path).of("ephemeral"):
            secret = block.arguments.get("secret_id", "")
            own = re.fullmatch(rf"{_KIND}\.([\w-]+)\.(id|arn)", secret)
            if block.labels[1].startswith(_KIND) and not own:
                yield f"{_place(path, block)}: secret_id = {secret}"


def _hidden_patterns(stack: Stack) -> Iterator[str]:
    """Yield documents whose ARNs are computed: a plan does not show which secrets they match."""
    sources = sources_of(stack)
    if sources is None:
        return
    for document in _beside(stack):
        if document.type != "aws_iam_policy_document" or not _is_sensitive(document):
            continue
        block = sources.resource(document.calls, document.identity)
        for text in _arguments(block, "resources") if block else ():
            for step in sources.way(document.calls, text):
                parts = pieces(words(step))
                if parts is None:
                    text = f"its resources are computed by {step}; write them out"
                    yield f"{document.address}: {text}"
                for reference, rest in parts or ():
                    if reference.startswith("aws_secretsmanager_secret."):
                        continue  # AWS adds six characters to its ARN.
                    # The name of a log group has slashes, so another group can start like one.
                    is_log = reference.startswith("aws_cloudwatch_log_group.")
                    ends = (":",) if is_log else (":", "/")
                    if reference and rest and not rest.startswith(ends):
                        text = f"{reference} with {rest} after it can be a resource of others"
                        yield f"{document.address}: {text}; end it, or write : before the rest"


def is_sensitive(action: str) -> bool:
    """Return whether an action may do more than read settings and write logs.

    >>> [is_sensitive(a) for a in ("rds:*", "*", "rds:Describe*", "s3:PutObject", "pi:Describe*")]
    [True, True, False, True, True]
    """
    actions = design().actions
    return is_unlisted(action, actions["read"], actions["metrics"]) or not is_unlisted(
        action, actions["never"]
    )


def is_unlisted(text: str, *lists: str) -> bool:
    """Return whether a text is like no pattern of any list.

    >>> is_unlisted("s3:GetObject", "s3:Put*, s3:Get*"), is_unlisted("iam:Create", "s3:*")
    (False, True)
    """
    patterns = (each.lower() for names in lists for each in names.split(", "))
    return not any(fnmatchcase(text.lower(), pattern) for pattern in patterns)


def _is_sensitive(document: Resource) -> bool:
    """Return whether a statement allows to read a secret at a place that is not known yet."""
    statements = document.planned("statement")
    if not isinstance(statements, list):
        return True
    return any(
        isinstance(action, str) and is_sensitive(action)
        for n, statement in enumerate(statements)
        if document.planned(f"statement.{n}.resources") is UNKNOWN
        or None in (statement.get("resources") or ())
        for action in statement.get("actions") or ()
    )


def _arguments(block: Block, name: str) -> Iterator[str]:
    if name in block.arguments:
        yield block.arguments[name]
    for inner in block.blocks:
        yield from _arguments(inner, name)


def _modules(stack: Stack) -> list[tuple[str, ...]]:
    """Return the paths of the modules beside the design."""
    paths = {tuple(name for name, _ in module_path(address)) for address, _ in stack.written()}
    return sorted(path for path in paths if path and not is_module_of_design(stack, path))


def _place(path: tuple[str, ...], block: Block) -> str:
    return ".".join([*(f"module.{name}" for name in path), *block.labels])


def _written(stack: Stack, but: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the address of each block of HCL beside the design, and the texts of its expressions.

    Arguments of the names in ``but`` are left out, and tags.
    """
    sources = sources_of(stack)
    for path in _modules(stack) if sources else ():
        for block in sources.module(path).blocks if sources else ():
            place = _place(path, block)
            for text in _expressions(block, (*LABELS, *but)):
                # A number outside of texts is not an account.
                yield from ((place, part) for part in _STRING.findall(text))
                if text.startswith("<<"):
                    yield place, text


def _expressions(block: Block, but: tuple[str, ...]) -> Iterator[str]:
    yield from (text for name, text in block.arguments.items() if name not in but)
    for inner in block.blocks:
        yield from _expressions(inner, but)


def texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield every text in a value with its path, without tags, which grant nothing.

    >>> list(texts({"a": ["x"], "tags": {"b": "y"}}, ""))
    [('a.0', 'x')]
    """
    if isinstance(value, str):
        yield path.removeprefix("."), value
    parts: Any = ()
    if isinstance(value, Mapping):
        parts = ((name, part) for name, part in value.items() if name not in LABELS)
    elif isinstance(value, list):
        parts = enumerate(value)
    for name, part in parts:
        yield from texts(part, f"{path}.{name}")


def _of_others(place: str, text: str, own: str) -> Iterator[str]:
    for account in dict.fromkeys(_ACCOUNT.findall(_UUID.sub("", text))):
        if account != own and account not in _OF_AWS:
            yield f"{place} names the account {account}, not {own}; remove it"


def _is_name_of_aws(name: str) -> bool:
    """Return whether a zone or record answers for a name of AWS, or for all names above it.

    >>> _is_name_of_aws("Secretsmanager.eu-west-1.amazonaws.com."), _is_name_of_aws("com")
    (True, True)
    >>> _is_name_of_aws("ledger.example.com")
    False
    """
    plain = name.lower().strip(".")
    return plain in _ABOVE or plain.endswith(".aws") or _OF_SERVICES.fullmatch(plain) is not None
