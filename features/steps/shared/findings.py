"""Register checks of the planned stack as ``Then`` steps, and report their findings.

A check is a function that yields a ``Finding`` for each resource that it looks at:

    @check("every NAT gateway has its own elastic IP", "NAT gateway")
    def elastic_ips(stack: Stack) -> Iterator[Finding]: ...

Its step fails with the text of every wrong finding. If all are fine, it attaches their texts to
the report as evidence (``step.embed``, as ``text/plain``). A check without findings has checked no
resource. In a stack that finbase rendered, it fails, unless its scenario is about a part that the
stack leaves out (``@part-cache``); in any other stack it is not applicable.

radish also loads this file by itself, beside the module that the checks import. So a file in
``shared`` must not register steps: they would be registered twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from kinds import central_egress
from plan_kinds import is_rendered, leaves_out, why_not_judged
from radish import then, world
from stack_graph import UNKNOWN, Stack
from terraform_compliance.common.error_handling import Error

PRIMARY = "primary (an aws_db_instance without a source)"
_KINDS = {
    "instance": "aws_db_instance",
    "primary": PRIMARY,
    "replica": "replica (an aws_db_instance with a source)",
    "key": "aws_kms_key",
}
# Controls, line and paragraph separators, soft hyphens, and what has no width or turns the text.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PART = "part-"
NOT_SHOWN = "not shown by this plan: "
"""Starts the line of what a plan does not show; ``finbase.judge.verdict`` reads it."""
_TYPES_OF_PART = {"cache": ("aws_elasticache_", "aws_memorydb_", "aws_dax_")}
"""Prefixes of the types of which no resource is planned in a stack without the part."""
_GATEWAYS = "gateways"
"""The part that a network with central egress leaves out."""
_PLANS: dict[str, dict[str, Any]] = {}
_STACKS: dict[str, Stack] = {}


class Finding(NamedTuple):
    """One line of evidence: the address, what the plan has, and the fix if that is wrong.

    ``hidden`` says that the plan does not show it: it is neither right nor wrong, and no pass.
    """

    fine: bool
    text: str
    hidden: bool = False


Check = TypeVar("Check", bound=Callable[..., Iterator[Finding]])


Subject = str | Callable[[Stack], str]


def check(
    sentence: str, subject: Subject = "", *, of_design: bool = False
) -> Callable[[Check], Check]:
    """Register a function as the step ``Then <sentence>``.

    The step calls it with the stack, the fields of the sentence and, if the function has a
    parameter ``table``, the rows of the step's table. ``subject`` says what the check looks at, or
    is a function that says why the plan has no such resource. Without it, the sentence names the
    subject in its field ``kind``. A check ``of_design`` is about a whole stack of the design, so it
    is not applicable to any other stack.
    """

    def register(function: Check) -> Check:
        tabled = "table" in signature(function).parameters

        def run(step: Any, **fields: Any) -> None:
            about = subject or fields.get("kind", "resource that this step could check")
            about = _KINDS.get(about, about) if isinstance(about, str) else about
            if tabled:
                fields["table"] = step.table
            foreign = of_design and not rendered()
            findings = [] if foreign else list(function(planned_stack(), **fields))
            part = left_out(planned_stack(), (tag.name for tag in step.parent.all_tags))
            if of_design and part and all(finding.fine for finding in findings):
                findings = []  # That no rule is broken says nothing about a part without resources.
            _report(step, findings, "" if foreign else about, part)

        then(sentence)(run)
        return function

    return register


def rendered() -> bool:
    """Return whether finbase rendered the stack of the plan."""
    return is_rendered(_plan())


def unjudged() -> str:
    """Return why no scenario can judge the plan, or an empty string."""
    return why_not_judged(_plan())


def planned_stack() -> Stack:
    """Return the stack of the plan."""
    name = _plan_file()
    if name not in _STACKS:
        _STACKS[name] = Stack(_plan(), Path(name).resolve().parent, by_value=not rendered())
    return _STACKS[name]


def left_out(stack: Stack, tags: Iterable[str]) -> str:
    """Say that a rendered stack leaves out a part that tags name, or return an empty string.

    A stack that has resources of the part, from whichever module, does not leave it out.
    """
    for part in (tag.removeprefix(_PART) for tag in tags if tag.startswith(_PART)):
        if part == _GATEWAYS:
            gateway, reason = central_egress(stack)
            if gateway:
                return f"traffic to the internet leaves through {gateway}: {one_line(reason)}"
            continue
        types = _TYPES_OF_PART.get(part, ())
        planned = any(types and resource.type.startswith(types) for resource in stack.resources)
        if leaves_out(_plan(), part) and not planned:
            if part == "network" and stack.existing("aws_vpc"):
                return "the network exists already, and is not of the stack"
            module, _, items = part.partition(".")
            return f"module {module} lists no {items}" if items else f"the stack has no {module}"
    return ""


def absence(subject: str, stack: Stack) -> str:
    """Say that a plan has no such subject, or does not show whether it has one."""
    hidden = [
        instance.address
        for instance in stack.all("aws_db_instance")
        if instance.planned("replicate_source_db") is UNKNOWN
        and stack.one(instance, "replicate_source_db", "aws_db_instance") is None
    ]
    if hidden and subject in (PRIMARY, "database"):
        return f"this plan does not show whether {', '.join(hidden)} has a source, as a replica has"
    return f"the plan has no {subject}{resembling(subject, stack)}"


def resembling(kind: str, stack: Stack) -> str:
    """Return a question about a resource type of the plan that resembles a mistyped one.

    >>> from types import SimpleNamespace
    >>> stack = SimpleNamespace(resources=[SimpleNamespace(type="aws_db_instance")])
    >>> resembling("aws_db_instanc", stack)
    '; did you mean aws_db_instance?'
    """
    types = {resource.type for resource in stack.resources} - {kind}
    similar = get_close_matches(kind, sorted(types), n=1, cutoff=0.9)
    return f"; did you mean {similar[0]}?" if similar else ""


def one_line(text: str) -> str:
    """Escape line breaks, and characters that nobody sees, as JSON does.

    Evidence has a line per finding, and quotes values of the plan, such as descriptions.

    >>> one_line("a\\nmodule.x: encrypted = true")
    'a\\\\nmodule.x: encrypted = true'
    """
    return _UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _line(finding: Finding) -> str:
    """Return a line of evidence; no value of the plan makes a finding look like a hidden one."""
    text = one_line(finding.text)
    return f"{NOT_SHOWN}{text}" if finding.hidden else f"{'- ' * text.startswith(NOT_SHOWN)}{text}"


def _plan() -> dict[str, Any]:
    """Return the plan; each plan file is read once.

    terraform-compliance changes the plan while it parses it, so this reads the file again.
    """
    name = _plan_file()
    if name not in _PLANS:
        _PLANS[name] = json.loads(Path(name).read_bytes())
    return _PLANS[name]


def _plan_file() -> str:
    return str(world.config.user_data["plan_file"])


def _report(step: Any, findings: list[Finding], subject: Subject, part: str) -> None:
    lines = [_line(finding) for finding in findings]
    wrong = [line for line, finding in zip(lines, findings, strict=True) if not finding.fine]
    if wrong:
        Error(step, "\n".join(wrong))
    elif findings:
        step.embed("\n".join(lines))
    else:
        if part or not subject:
            why = part or "finbase did not render this stack"
        elif callable(subject):
            why = subject(planned_stack())
        else:
            why = absence(subject, planned_stack())
        if rendered() and not part:
            Error(step, why)
        else:
            step.not_applicable = True
            step.embed(f"not applicable, because {why}")
