"""Write the trust and permissions of the two roles that a pipeline uses in an account.

The permissions are data, in ``roles.yaml`` beside this file. Both roles have an explicit deny that
no other policy can lift: they do not read a current password.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final, Literal, TypeAlias

from finbase.environment.model import Environment
from finbase.errors import FinbaseError
from finbase.scaffold import placing

Role: TypeAlias = Literal["plan", "apply"]
Statement: TypeAlias = dict[str, Any]

ROLES: Final[tuple[Role, ...]] = ("plan", "apply")
VERSION_ID: Final = r"[A-Za-z0-9-]{32,64}"
"""Form of the id of a secret's version."""

_LARGEST = 6144
_DATA = Path(__file__).with_name("roles.yaml")
_GITHUB_PATH = re.compile(r"(?P<path>[\w-]+/[\w.-]+)", re.ASCII)
_GITLAB_PATH = re.compile(r"(?P<host>[a-z0-9.-]+(:\d+)?)/(?P<path>[\w.-]+(/[\w.-]+)+)", re.ASCII)
_GITHUB = "token.actions.githubusercontent.com"


@dataclass(frozen=True)
class Repository:
    """A repository of GitHub (without ``gitlab``) or of the GitLab on the host ``gitlab``."""

    path: str
    gitlab: str = ""

    def claims(self, environment: str, role: Role) -> dict[str, str]:
        """Return the claims of the only token that may assume a role."""
        if self.gitlab:
            return {
                f"{self.gitlab}:aud": f"finbase/{environment}/{role}",
                f"{self.gitlab}:sub": f"project_path:{self.path}:ref_type:branch:ref:main",
            }
        # No environment's name contains an underscore, so none is the plan's name of another one.
        name = environment if role == "apply" else f"{environment}_plan"
        return {
            f"{_GITHUB}:aud": "sts.amazonaws.com",
            f"{_GITHUB}:sub": f"repo:{self.path}:environment:{name}",
        }


def repository(*, github: str = "", gitlab: str = "") -> Repository:
    """Return a repository from ``OWNER/NAME`` of GitHub, or ``HOST/GROUP/NAME`` of a GitLab.

    Raises ``FinbaseError`` for another form: in a condition, ``*`` would mean every repository.

    >>> repository(gitlab="gitlab.com/bank/ledger")
    Repository(path='bank/ledger', gitlab='gitlab.com')
    """
    form = _GITHUB_PATH if github else _GITLAB_PATH
    match = form.fullmatch(github or gitlab)
    if match is None:
        raise FinbaseError(
            f"{github or gitlab!r} does not name a repository",
            "write --github OWNER/NAME, or --gitlab HOST/GROUP/NAME",
        )
    return Repository(match["path"], "" if github else match["host"])


def new_roles(
    root: Path, environment: Environment, repository: Repository, versions: Sequence[str] = ()
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write ``roles/<environment>/`` and return its files, and the modules without permissions.

    ``versions`` are the ids of the secrets' first versions. Raises ``FinbaseError`` if the folder
    exists or cannot be written.
    """
    folder = root / "roles" / environment.name
    placing.refuse_existing(folder, root, "move it away, and run this again")
    files = {}
    for role in ROLES:
        documents = {f"{role}.trust.json": trust(environment, repository, role)}
        for number, document in enumerate(policies(environment, role, versions), 1):
            documents[f"{role}.policy.{number}.json"] = document
        for name, document in documents.items():
            files[PurePath(name)] = f"{json.dumps(document, indent=2)}\n".encode()
    placing.new_folder(folder, files)
    unknown = tuple(use.name for use in environment.modules if use.name not in _modules())
    return tuple(folder / name for name in files), unknown


def policy_arn(environment: Environment, name: str) -> str:
    """Return the ARN of a managed policy of the environment's account."""
    return f"arn:{environment.partition}:iam::{environment.account_id}:policy/{name}"


def trust(environment: Environment, repository: Repository, role: Role) -> dict[str, Any]:
    """Return the trust policy: one provider, one repository and one environment."""
    host = repository.gitlab or _GITHUB
    provider = f"arn:{environment.partition}:iam::{environment.account_id}:oidc-provider/{host}"
    return _document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": repository.claims(environment.name, role)},
        }
    )


def policies(
    environment: Environment, role: Role, versions: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the permissions of a role, as managed policies that AWS accepts.

    The first has the denials, so that no other is attached without them.
    """
    parts: list[list[Statement]] = [[]]
    for statement in statements(environment, role, versions):
        if _size(_document(*parts[-1], statement)) > _LARGEST:
            parts.append([])
        parts[-1].append(statement)
    return [_document(*part) for part in parts]


def statements(environment: Environment, role: Role, versions: Sequence[str]) -> list[Statement]:
    """Return what a role must not do, and then what it may do."""
    allowed = []
    for entry in _entries(environment):
        actions = [*entry.get("read", ()), *(entry.get("write", ()) if role == "apply" else ())]
        if actions:
            condition = {"Condition": entry["condition"]} if "condition" in entry else {}
            allow = {"Effect": "Allow", "Action": actions, "Resource": entry["resources"]}
            allowed.append(allow | condition)
    denied = _denied(environment, role, versions)
    return [*denied, *_state(environment, role), *_merged(_merged(allowed, "Action"), "Resource")]


def _size(document: Mapping[str, Any]) -> int:
    """Return how many characters AWS counts; white space is free."""
    return len(json.dumps(document, separators=(",", ":")))


def _merged(statements: Iterable[Statement], key: str) -> list[Statement]:
    """Join the statements that differ in the lists of one key only."""
    merged: dict[str, Statement] = {}
    for statement in statements:
        others = json.dumps({name: value for name, value in statement.items() if name != key})
        first = merged.setdefault(others, {**statement, key: []})
        first[key] = sorted({*first[key], *statement[key]})
    return list(merged.values())


def _entries(environment: Environment) -> Iterable[Mapping[str, Any]]:
    known = _modules()
    values = {
        "{partition}": environment.partition,
        "{region}": environment.region,
        "{account}": environment.account_id,
        "{stack}": environment.stack_name,
        "{environment}": environment.name,
    }
    for use in environment.modules:
        inputs = {name for instance in use.instances for name in instance.inputs}
        entries = [e for e in known.get(use.name, ()) if e.get("with") in (None, *inputs)]
        text = json.dumps(entries)
        for name, value in values.items():
            text = text.replace(name, value)
        yield from json.loads(text)


def _modules() -> dict[str, list[dict[str, Any]]]:
    import yaml

    modules: dict[str, list[dict[str, Any]]] = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return modules


def _state(environment: Environment, role: Role) -> Iterable[Statement]:
    """Yield access to the state, its lock and its key; a plan writes the lock alone."""
    partition, state = environment.partition, environment.state
    bucket = f"arn:{partition}:s3:::{state['bucket']}"
    file = f"{bucket}/{environment.project}/{environment.name}/terraform.tfstate"
    yield {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket}
    reads = ["s3:GetObject"] if role == "plan" else ["s3:GetObject", "s3:PutObject"]
    yield {"Effect": "Allow", "Action": reads, "Resource": file}
    lock = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    yield {"Effect": "Allow", "Action": lock, "Resource": f"{file}.tflock"}
    via = {"kms:ViaService": f"s3.{environment.region}.amazonaws.com"}
    condition: dict[str, dict[str, str]] = {"StringEquals": via}
    key = state["kms_key_id"]
    if not key.startswith("arn:"):
        name = key if key.startswith("alias/") else f"key/{key}"
        key = f"arn:{partition}:kms:{environment.region}:{environment.account_id}:{name}"
    keys, _, alias = key.partition(":alias/")
    if alias:  # A policy cannot name an alias as the resource of these actions.
        condition["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": f"alias/{alias}"}
        key = f"{keys}:key/*"
    yield {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": key,
        "Condition": condition,
    }


def _denied(environment: Environment, role: Role, versions: Sequence[str]) -> Iterable[Statement]:
    """Yield the denials: a password is read by the id of a known version, or not at all.

    The first versions end with the first rotation, but every plan reads them again. Before they
    exist, a plan reads none, and an apply reads the version that it has just created.
    """
    read = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
    denied: Statement = {"Effect": "Deny", "Action": read, "Resource": "*"}
    # Lambda decrypts the variables of a function that a plan reads, with the rights of the plan.
    services = [f"{name}.{environment.region}.amazonaws.com" for name in ("s3", "lambda")]
    no_secrets = {"kms:ViaService": services}
    decrypt: Statement = {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"}
    if versions:
        ids = list(versions)
        yield denied | {"Condition": {"StringNotEquals": {"secretsmanager:VersionId": ids}}}
        other = {"kms:EncryptionContext:SecretVersionId": ids}
        if role == "plan":
            yield decrypt | {"Condition": {"StringNotEquals": {**no_secrets, **other}}}
    elif role == "plan":
        yield denied
        yield decrypt | {"Condition": {"StringNotEquals": no_secrets}}
    else:
        yield denied | {"Condition": {"Null": {"secretsmanager:VersionId": "true"}}}
        yield denied | {"Condition": {"Null": {"secretsmanager:VersionStage": "false"}}}
    if role == "apply":  # The pipeline must not change who may use it.
        account = f"arn:{environment.partition}:iam::{environment.account_id}"
        name = f"finbase-{environment.stack_name}-*"
        own = [f"{account}:policy/{name}", f"{account}:role/{name}"]
        yield {"Effect": "Deny", "Action": "iam:*", "Resource": own}


def _document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
