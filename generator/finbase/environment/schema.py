"""Builds the JSON Schema of each part of an environment file, and checks the part with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from finbase.contract.contract import Contract, Input
from finbase.contract.registry import Registry
from finbase.environment.refusals import Refusal, explain
from finbase.errors import Diagnostic
from finbase.source.document import MOST_PROBLEMS, Document, Where
from finbase.source.scalars import nearest

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

NAME: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
"""The pattern of environment and project names, which have 2 to 31 characters."""

_NAME_RULE: Final = (
    "must be 2 to 31 lowercase letters, digits and single hyphens, starting with a letter"
)
_TAG: Final = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9 _.:/=+@-]{1,256}$",
    "not": {"pattern": "^(aws|rds):"},
    "rule": "must be 1 to 256 letters, digits, spaces and any of _.:/=+@-, "
    "without the prefix aws: or rds:",
}
_KEY_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"


def _field(
    name: str, description: str, rule: str | None = None, *, optional: bool = False, **schema: Any
) -> Input:
    return Input(name, schema, description, rule, required=not optional)


def _text(pattern: str, example: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, **more, "examples": [example]}


_FIELDS: Final = (
    _field(
        "environment",
        "Name of the environment, which is also the name of the file.",
        _NAME_RULE,
        **_text(NAME, "production", minLength=2, maxLength=31),
    ),
    _field(
        "project",
        "Name of the project. Resource names start with <project>-<environment>.",
        _NAME_RULE,
        **_text(NAME, "ledger", minLength=2, maxLength=31),
    ),
    _field(
        "region",
        "AWS region of the stack.",
        "must be an AWS region such as eu-west-1",
        **_text("^[a-z]{2}(-[a-z]+)+-[0-9]$", "eu-west-1"),
    ),
    _field(
        "account_id",
        "AWS account of the stack. Terraform refuses to use any other account.",
        'must be the 12 digits of an AWS account ID, in quotes, such as "111122223333"',
        **_text("^[0-9]{12}$", "111122223333"),
    ),
    _field(
        "provider",
        "Version of the AWS provider, if it is another one than that of templates/stack.",
        "must be a version such as 5.100.0",
        optional=True,
        **_text(r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$", "5.100.0"),
    ),
    _field(
        "tags",
        "Tags of every resource, in addition to project, environment and name.",
        type="object",
        properties={
            "owner": {
                **_TAG,
                "description": "Team that is responsible for the stack.",
                "examples": ["payments-platform"],
            },
            "data_classification": {
                "type": "string",
                "enum": ["public", "internal", "confidential", "restricted"],
                "description": "Class of the most sensitive data in the stack.",
                "rule": "must be public, internal, confidential or restricted",
            },
            "cost_centre": {
                **_TAG,
                "description": "Cost centre that pays for the stack.",
                "examples": ["CC-4711"],
            },
        },
        required=["owner", "data_classification", "cost_centre"],
        propertyNames={
            "pattern": "^[a-z][a-z0-9_]{0,63}$",
            "not": {"enum": ["project", "environment", "name", "managed_by"]},
        },
        additionalProperties=_TAG,
        maxProperties=40,
        rule="must have at most 40 tags, with names of lowercase letters, digits and underscores "
        "except project, environment, name and managed_by, which finbase sets",
    ),
    _field(
        "state",
        "Where Terraform stores the state of the stack.",
        type="object",
        properties={
            "bucket": _text(
                "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
                "ledger-production-terraform-state",
                description="S3 bucket of the state.",
                rule="must be 3 to 63 lowercase letters, digits and hyphens",
            ),
            "kms_key_id": _text(
                rf"^(alias/[a-zA-Z0-9/_-]+|{_KEY_ID}"
                r"|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[a-zA-Z0-9/_-]+)$",
                "alias/terraform-state",
                description="KMS key that encrypts the state.",
                rule="must be the alias, ID or ARN of a KMS key, such as alias/terraform-state",
            ),
        },
        required=["bucket", "kms_key_id"],
        additionalProperties=False,
    ),
    _field("modules", "The modules of the stack.", type="object"),
)


Newer: TypeAlias = Callable[[Sequence[str | int], str], str | None]
"""Returns the first newer version whose schema has a key, by the steps to the mapping's schema."""


@dataclass(frozen=True)
class Part:
    """The schema of one part of the file, and the inputs that messages describe.

    ``filled`` maps inputs that the file cannot set to the outputs that set them. ``depth`` is
    the number of levels between the part and its inputs, which ``instances`` have at level 2.
    """

    schema: Mapping[str, Any]
    inputs: Mapping[str, Input]
    filled: Mapping[str, str] = field(default_factory=dict)
    depth: int = 0

    @cached_property
    def validator(self) -> Draft202012Validator:
        """The compiled schema."""
        from jsonschema_rs import Draft202012Validator

        return Draft202012Validator(dict(self.schema))

    def check(
        self,
        document: Document,
        where: Where,
        value: Any,
        newer: Newer = lambda _steps, _key: None,
    ) -> Iterator[tuple[Where | None, Diagnostic]]:
        """Yield the errors of the part at ``where``.

        Each comes with the path of the value that later checks must not use, or None. ``newer``
        names the newer version that has an unknown key.
        """
        errors: list[Any] = list(islice(self.validator.iter_errors(value), MOST_PROBLEMS + 1))
        misspelt = {
            (
                *error.instance_path,
                nearest(key, self._node(error.schema_path[:-1]).get("properties", ())),
            )
            for error in errors
            if error.kind.name == "additionalProperties"
            for key in error.kind.unexpected
        }
        for error in errors:
            path = tuple(error.instance_path)
            at = (*where, *path)
            # The reader has already reported a spoiled value, and everything inside it.
            if any(at[:length] in document.spoiled for length in range(len(at) + 1)):
                continue
            # It is there, but misspelt, and reported as such.
            kind = error.kind
            if kind.name == "required" and (*path, kind.property) in misspelt:
                continue
            steps = error.schema_path[:-1]
            nested = path[:1] == ("instances",) and "instances" not in self.inputs
            below = path[2 if nested else self.depth :]
            declared = self.inputs.get(str(below[0])) if below else None
            refusal = Refusal(
                document,
                at,
                error.instance,
                self._node(steps),
                declared,
                below[1:],
                self._node(steps[:-2]) if steps[-2:-1] == ["properties"] else {},
                self.filled,
                partial(newer, steps),
            )
            # One wrong entry does not make the rest of a mapping or list unusable.
            unusable = kind.name == "type" or not isinstance(error.instance, dict | list)
            for diagnostic in explain(refusal, kind):
                yield at if unusable else None, diagnostic

    def _node(self, steps: Iterable[str | int]) -> Mapping[str, Any]:
        node: Any = self.schema
        for step in steps:
            node = node[step]
        return cast("Mapping[str, Any]", node)


TOP: Final = Part(
    {
        "type": "object",
        "properties": {f.name: {**f.schema, "description": f.description} for f in _FIELDS},
        "required": [f.name for f in _FIELDS if f.required],
        "additionalProperties": False,
    },
    {f.name: f for f in _FIELDS},
)
"""The top of the file; each section of ``modules`` is a part of its own."""

TOP_VALUES: Final = tuple(name for name in TOP.inputs if name not in ("environment", "modules"))
"""The values at the top that are not the environment's name; a file need not set them all."""

_PARTS: Final[dict[bytes, Part]] = {}


def part_of(contract: Contract) -> Part:
    """Return the part for a module's section; each contract is compiled once."""
    if contract.source not in _PARTS:
        inputs = {i.name: i for i in contract.inputs}
        filled = {wire.name: wire.source for wire in contract.wiring}
        depth = 2 if contract.multiplicity == "many" else 0
        _PARTS[contract.source] = Part(contract.section_schema(), inputs, filled, depth)
    return _PARTS[contract.source]


def newer_versions(contract: Contract, registry: Registry) -> Newer:
    """Return the function by which messages about a module's section name a newer version."""

    def first(steps: Sequence[str | int], key: str) -> str | None:
        for version in registry.versions(contract.name):
            if version > contract.version:
                node: Any = registry.get(contract.name, version).section_schema()
                for step in steps:
                    node = node.get(step, {}) if isinstance(node, dict) else {}
                if isinstance(node, dict) and key in node.get("properties", ()):
                    return str(version)
        return None

    return first
