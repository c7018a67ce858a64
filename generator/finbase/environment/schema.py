"""The JSON Schema of each part of an environment file, and the check of that part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from finbase.contract.contract import Contract, Input
from finbase.environment.refusals import Refusal, explain
from finbase.errors import Diagnostic
from finbase.source.document import MOST_PROBLEMS, Document, Where

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

__all__ = ["NAME", "TOP", "Part", "part_of"]

NAME: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
"""What an environment and a project are called, in 2 to 31 characters."""

_NAME_RULE: Final = (
    "must be 2 to 31 lowercase letters, digits and single hyphens, beginning with a letter"
)
_TAG: Final = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9 _.:/=+@-]{1,256}$",
    "not": {"pattern": "^(aws|rds):"},
    "rule": "must be 1 to 256 letters, digits, spaces and any of _.:/=+@-, "
    "not beginning with aws: or rds:",
}
_KEY_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32}"


def _field(name: str, description: str, rule: str | None = None, **schema: Any) -> Input:
    return Input(name, schema, description, rule, required=True, sensitive=False, ephemeral=False)


_FIELDS: Final = (
    _field(
        "environment",
        "Name of the environment; the same as the file's.",
        _NAME_RULE,
        type="string",
        pattern=NAME,
        minLength=2,
        maxLength=31,
        examples=["production"],
    ),
    _field(
        "project",
        "Name of the project; with the environment's the prefix of every name.",
        _NAME_RULE,
        type="string",
        pattern=NAME,
        minLength=2,
        maxLength=31,
        examples=["ledger"],
    ),
    _field(
        "region",
        "Region of AWS that holds the stack.",
        "must be a region of AWS such as eu-west-1",
        type="string",
        pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$",
        examples=["eu-west-1"],
    ),
    _field(
        "account_id",
        "Account of AWS that holds the stack; Terraform refuses any other.",
        'must be the 12 digits of an AWS account, in quotes, such as "111122223333"',
        type="string",
        pattern="^[0-9]{12}$",
        examples=["111122223333"],
    ),
    _field(
        "tags",
        "Tags of every resource, beside the project's and the environment's.",
        type="object",
        properties={
            "owner": {
                **_TAG,
                "description": "Team that answers for the stack.",
                "examples": ["payments-platform"],
            },
            "data_classification": {
                "type": "string",
                "enum": ["public", "internal", "confidential", "restricted"],
                "description": "Class of the most sensitive data in the stack.",
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
        rule="must name at most 40 tags, in lowercase letters, digits and underscores, and not "
        "project, environment, name or managed_by, which every resource has anyway",
    ),
    _field(
        "state",
        "Where Terraform keeps the state of the stack.",
        type="object",
        properties={
            "bucket": {
                "type": "string",
                "pattern": "^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$",
                "description": "Bucket of S3.",
                "rule": "must be 3 to 63 lowercase letters, digits and hyphens",
                "examples": ["ledger-production-terraform-state"],
            },
            "kms_key_id": {
                "type": "string",
                "pattern": rf"^(alias/[a-zA-Z0-9/_-]+|{_KEY_ID}"
                r"|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[a-zA-Z0-9/_-]+)$",
                "description": "Key that encrypts the state.",
                "rule": "must be a KMS key's alias, id or ARN, such as alias/terraform-state",
                "examples": ["alias/terraform-state"],
            },
        },
        required=["bucket", "kms_key_id"],
        additionalProperties=False,
    ),
    _field("modules", "The modules of the stack.", type="object"),
)


@dataclass(frozen=True)
class Part:
    """The schema of one part of the file, with what it takes to speak about its inputs.

    ``depth`` is how far below the part its inputs are.
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
        self, document: Document, where: Where, value: Any
    ) -> Iterator[tuple[Where | None, Diagnostic]]:
        """What is wrong with the part at ``where``.

        Each with the place of the value that cannot be used for anything more, if one is.
        """
        for error in islice(self.validator.iter_errors(value), MOST_PROBLEMS + 1):
            path = tuple(error.instance_path)
            at = (*where, *path)
            if any(at[:length] in document.spoiled for length in range(len(at) + 1)):
                continue
            node: Any = self.schema
            for step in error.schema_path[:-1]:
                node = node[step]
            below = path[self.depth :]
            given = self.inputs.get(str(below[0])) if below else None
            whole = len(below) == 1
            refusal = Refusal(document, at, error.instance, node, given, whole, self.filled)
            useless = error.kind.name == "type" or not isinstance(error.instance, dict | list)
            for diagnostic in explain(refusal, error.kind):
                yield at if useless else None, diagnostic


TOP: Final = Part(
    {
        "type": "object",
        "properties": {f.name: {**f.schema, "description": f.description} for f in _FIELDS},
        "required": [f.name for f in _FIELDS],
        "additionalProperties": False,
    },
    {f.name: f for f in _FIELDS},
)
"""The top of the file; the sections of ``modules`` are parts of their own."""

_PARTS: Final[dict[bytes, Part]] = {}


def part_of(contract: Contract) -> Part:
    """The section of a module, compiled once for each contract."""
    if contract.source not in _PARTS:
        inputs = {i.name: i for i in contract.inputs}
        filled = {wire.name: wire.source for wire in contract.wiring}
        depth = 2 if contract.multiplicity == "many" else 0
        _PARTS[contract.source] = Part(contract.section_schema(), inputs, filled, depth)
    return _PARTS[contract.source]
