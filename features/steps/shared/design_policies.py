"""Compare policies with the statements of the design profile, one line for each statement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import policy_text
from design_code import Code
from design_places import PLACEHOLDER, Places
from design_profile import Rule
from design_values import Argument, listed, text
from forms import pieces
from policies import by_type
from sources import Block, words
from stack_graph import UNKNOWN, Origin, Resource, shown

# AWS reads the number of an account as the ARN of its root.
_ACCOUNT = re.compile(r"^AWS ([0-9]{12})$")
_ROOT = r"AWS arn:aws:iam::\1:root"
_SPLAT = re.compile(r"values \( ([\w-]+\.[\w-]+) \) \[ \* \] \. ([\w-]+)")
"""The attributes of all instances of a resource, as ``sources.normalised`` writes them."""


class Policies:
    """The policies of a profile, for one stack."""

    def __init__(self, places: Places, code: Code) -> None:
        self.places, self.code = places, code

    def problem(self, argument: Argument, name: str) -> str:
        """Require the statements of a policy; of an unknown text, only what the plan shows."""
        wrong = [self._one_policy(argument, part) for part in name.split(" or ")]
        return "" if "" in wrong else wrong[-1]

    def _one_policy(self, argument: Argument, name: str) -> str:
        value = argument.value
        filled = self.places.fill(name, argument.resource)
        if filled != name and filled not in self.places.profile.policies:
            # AWS chooses the value of an argument that is null.
            return "" if value in (None, "", UNKNOWN) else f"is {shown(value)}"
        name = filled
        if argument.resource.mode == "data":
            blocks = value if isinstance(value, list) else []
            conditions = [b.get("condition") for b in blocks if isinstance(b, Mapping)]
            if any(part is UNKNOWN for part in (value, *blocks, *conditions)):
                return "has statements that are not shown by this plan; write them out"
            statements = [
                block_line(self._with_names(argument.resource, number, block))
                for number, block in enumerate(blocks)
            ]
        elif isinstance(value, str):
            try:
                statements = [statement_line(s) for s in policy_text.statements(value)]
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
        block = self.code.block(document)
        if not self.code.sources or not block:
            under = f"{path}.resources"
            for m in range(len(listed(document.planned(f"{path}.condition")))):
                written = document.expression(f"{path}.condition.{m}.variable") or {}
                if variable and written.get("constant_value") == variable:
                    under = f"{path}.condition.{m}.values"
            # A plan alone does not show the attribute of several instances: ``x[*].arn`` is ``x``.
            names = [
                self._arn_name(
                    self.places.module_beside(r.calls, document),
                    f"{r.type}.{r.name}.{o.attribute or 'arn'}",
                    None,
                )
                for o in self.code.stack.trace(document, under)
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
            return [self._arn_name(self.places.module_of(document), ".".join(splat.groups()), "")]
        found = pieces(words(code))
        names = []
        for reference, suffix in found or ():
            if reference:
                place, end = self.code.sources.end(document.calls, reference)
                # Where the HCL of a module was not read, its outputs lead to nothing.
                module = self.places.module_beside(place, document)
                names.append(self._arn_name(module, end or reference, suffix))
        return names or [code]

    def _arn_name(self, module: str, reference: str, suffix: str | None) -> str:
        """Return ``{name}`` of the ARN in the profile, or the reference itself."""
        for name, target in self.places.profile.arns.items():
            path, colon, end = target.partition(" ")[2].partition(":")
            same = (target.partition(" ")[0], path) == (module, reference)
            if same and suffix in (None, f"{colon}{end}"):
                return f"{{{name}}}"
        return f"{reference}{suffix or ''}"

    def _unknown_policy(self, argument: Argument, name: str) -> str:
        """Compare the HCL of a policy whose text is known only after apply, if it is available."""
        origins = self.code.stack.trace(argument.resource, argument.path)
        if not origins:
            return "is not set"
        if not any(_is_unknown(origin) for origin in origins):
            return "is null by a condition, or hidden by a function; write it without either"
        documents = [(o, r) for o in origins for r in o.resources if r.mode == "data"]
        written = self.code.written(argument)
        if documents and (wrong := self._other_document(argument, name, written)):
            return wrong
        if documents or written is None or not self.code.sources:
            return ""
        try:
            statements = [statement_line(s) for s in policy_text.statements(decoded(written))]
        except ValueError:
            return f"is {written}"
        return self._differs(statements, name)

    def _other_document(self, argument: Argument, name: str, written: str | None) -> str:
        """Require the JSON of the document that has the statements of the policy."""
        found = [
            identity.removeprefix("data ")
            for identity in self.places.profile.identities(argument.module)
            if identity.startswith("data ")
            and (entry := self.places.profile.entry(argument.module, identity, argument.version))
            and entry.arguments.get("statement", Rule("", "")).text == f"policy {name}"
        ]
        wanted = f"data.{found[0]}" if found else "jsonencode() of the statements"
        origins = self.code.stack.trace(argument.resource, argument.path)
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
        lines = list(self.places.profile.policies.get(name, {}).values())
        patterns = [
            re.compile(
                self.places.fill(_escape(line), resource, re.escape)
                if resource
                else PLACEHOLDER.sub(self._reference, _escape(line))
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
        if match[1] not in self.places.profile.arns:
            return r"(var|local)\.[\w-]+"
        path, _, suffix = self.places.profile.arns[match[1]].partition(" ")[2].partition(":")
        reference = re.escape(path)
        return rf"\$\{{{reference}\}}:{re.escape(suffix)}" if suffix else reference


def _is_unknown(origin: Origin) -> bool:
    """Return whether an origin has a value that is known only after apply."""
    return any(r.planned(origin.attribute or "id") is UNKNOWN for r in origin.resources)


def _escape(line: str) -> str:
    """Escape a text for a pattern, but not its placeholders."""
    return re.sub(
        r"\\\{([a-z\\-]+)\\\}", lambda m: "{" + m[1].replace("\\", "") + "}", re.escape(line)
    )


def statement_line(statement: Any) -> str:
    """Write a statement of a policy on one line, as the profile does.

    >>> statement_line({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"})
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


def block_line(block: Any) -> str:
    """Write a statement block of a policy document as ``statement_line`` does."""
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
    return statement_line(statement)


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
