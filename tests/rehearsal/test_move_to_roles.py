"""The page that moves applications to roles, followed on the local AWS from older releases on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments, read
from finbase.errors import FinbaseError
from finbase.judge import compliance
from finbase.rehearsal.life.course import Life
from finbase.rehearsal.life.edits import unchanged
from finbase.rehearsal.life.owner import Owner
from finbase.rehearsal.life.steps import Edit, Expect, LifeStep
from finbase.rehearsal.lifecycle import Lifecycle
from finbase.rehearsal.rehearse import rehearse
from finbase.rehearsal.run import Run
from finbase.rehearsal.scratch import scratch_folder
from finbase.rehearsal.secrets import Credentials
from finbase.sandbox.client import client
from finbase.terraform.program import find_terraform
from finbase.upgrade.pins import newer, with_pins
from tests.support.commands import ROOT, finbase
from tests.support.documented import example
from tests.support.reported import read_by, reports

ENVIRONMENT = "development"
STACK = f"ledger-{ENVIRONMENT}"
ACCOUNT = "777788889999"
PAGE = ROOT / "docs" / "how-to" / "move-to-roles.md"
BEFORE = ROOT / "tests" / "fixtures" / "before_roles.yaml"

PIPELINE = {f"finbase-{STACK}-apply", f"finbase-{STACK}-plan"}
FUNCTIONS = {f"{STACK}-roles", f"{STACK}-rotation"}
APPLICATIONS = {"ledger-app", "ledger-migrations"}
EVERYBODY = PIPELINE | FUNCTIONS | APPLICATIONS | {"break-glass", "somebody-else"}


def documented(language: str, word: str) -> str:
    """Return the one block of the page that has the word, with names of the environment."""
    block = example(PAGE, language, word)
    return block.replace("111122223333", ACCOUNT).replace("ledger-production", STACK)


def role_arn(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def may_read(policy: str | None) -> set[str]:
    """Return whom a policy of a secret does not deny to read it over TLS.

    The policies of finbase only deny; the identities of readers have to allow. A statement that is
    not of that kind raises, so that nothing is overlooked.
    """
    admitted = set(EVERYBODY)
    for statement in json.loads(policy or '{"Statement": []}')["Statement"]:
        whole = [statement[name] for name in ("Effect", "Principal", "Resource")]
        assert whole == ["Deny", "*", "*"]
        assert statement["Action"] in ("secretsmanager:*", "secretsmanager:GetSecretValue")
        [[operator, tested]] = statement["Condition"].items()
        if operator == "Bool":
            assert tested == {"aws:SecureTransport": "false"}
            continue
        assert (operator, [*tested]) == ("StringNotEquals", ["aws:PrincipalArn"])
        admitted &= {arn.partition(":role/")[2] for arn in tested["aws:PrincipalArn"]}
    return admitted


@dataclass
class Reader(Life):
    """Somebody who follows the page, and looks at what each step has led to.

    ``folder`` is the project that is edited; ``refused`` are the controls that the upgraded file
    fails before it has roles.
    """

    folder: Path = Path()
    refused: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    run: Run = None  # type: ignore[assignment]

    def live(self, run: Run, lifecycle: Lifecycle) -> None:
        self.run = run
        super().live(run, lifecycle)

    # What is edited ----------------------------------------------------------------------------

    def upgrade_and_create(self, _: object) -> dict[str, Any]:
        """Move all pins, then name the readers of the connection secret, and declare roles."""
        self._finbase("upgrade", ENVIRONMENT, "--write", "--accept-data-loss")
        result = self.folder / "verdict.json"
        done = finbase(self.folder, "check", ENVIRONMENT, "--json", str(result))
        assert done.exit_code == 1
        self.refused = failing(json.loads(result.read_text()))
        return self._edit_modules(documented("yaml", "kind: read-write"))

    def lock(self, _: object) -> dict[str, Any]:
        """Let nobody but the pipeline read the connection secret."""
        return self._edit_modules(documented("yaml", "nobody else"), remove="moving_readers")

    def _edit_modules(self, block: str, remove: str = "") -> dict[str, Any]:
        file = self.folder / "environments" / f"{ENVIRONMENT}.yaml"
        values: dict[str, Any] = yaml.safe_load(file.read_text())
        values["modules"].get("roles", {}).pop(remove, None)
        for name, section in yaml.safe_load(block).items():
            before = values["modules"].get(name, {})
            assert section["version"] == before.get("version", section["version"])
            values["modules"][name] = before | section
        file.write_text(yaml.safe_dump(values, sort_keys=False))
        self._finbase("render", ENVIRONMENT)
        self._finbase("check", ENVIRONMENT)
        return values

    def _finbase(self, *arguments: str) -> None:
        done = finbase(self.folder, *arguments)
        assert done.exit_code == 0, done.output

    # What is done by hand, and what must be true ------------------------------------------------

    def before(self, owner: Owner) -> None:
        """An application with the connection secret: tables, a view, a sequence and a function."""
        self.sql(
            self.connection(),
            "CREATE TABLE entry (id serial PRIMARY KEY, amount integer NOT NULL);"
            "INSERT INTO entry (amount) VALUES (40), (2);"
            "CREATE VIEW total AS SELECT sum(amount) AS amount FROM entry;"
            "CREATE FUNCTION double(integer) RETURNS integer LANGUAGE sql RETURN $1 * 2;",
        )
        self.seen["instance"] = owner.primary()["DbiResourceId"]
        assert may_read(self.policy("database/connection")) == EVERYBODY

    def created(self, owner: Owner) -> None:
        """The secrets of the roles exist and log in, and the old readers notice nothing."""
        self.unharmed(owner)
        readers = PIPELINE | FUNCTIONS | APPLICATIONS
        assert may_read(self.policy("database/connection")) == readers
        assert self.reported() == EVERYBODY - readers
        for role, reader in (("app", "ledger-app"), ("migrator", "ledger-migrations")):
            assert may_read(self.policy(f"roles/{role}")) == {f"{STACK}-roles", reader}
            assert re.fullmatch(f"{role}_[12]", self.sql(self.role(role), "SELECT session_user"))
        assert self.sql(self.connection(), "SELECT amount FROM total") == "42"

    def give_tables(self, owner: Owner) -> None:
        """Give the tables to the owner as the page says, and compare with the declaration."""
        assert [line for line in self.apply()["drift"] if "entry" in line]
        self.sql(self.connection(), documented("text", "ALTER TABLE"))
        assert self.apply()["drift"] == []
        owners = "SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ',') FROM pg_class c "
        owners += "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'S') "
        owners += "AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')"
        assert self.sql(self.connection(), owners) == "migrator"
        self.unharmed(owner)

    def move(self, owner: Owner) -> None:
        """Applications use the secrets of their roles; going back stays possible."""
        app, migrator = self.role("app"), self.role("migrator")
        logins = self.sql(app, documented("text", "GROUP BY usename"))
        assert f"{app.username}|1" in logins.splitlines()
        self.sql(app, "INSERT INTO entry (amount) VALUES (double(1))")
        self.sql(migrator, "ALTER TABLE entry ADD COLUMN note text; DROP VIEW total")
        with pytest.raises(FinbaseError, match="must be owner"):
            self.sql(app, "DROP TABLE entry")
        assert self.sql(app, "SELECT sum(amount) FROM entry") == "44"
        assert self.sql(self.connection(), "SELECT sum(amount) FROM entry") == "44"
        self.unharmed(owner)

    def locked(self, owner: Owner) -> None:
        """No application may read the connection secret, and its old password is of no use."""
        self.limited(owner)
        secret = next(arn for arn in owner.connections() if "/database/connection" in arn)
        before, after = self.run.secrets.rotate(secret)
        self.run.secrets.passwords.add(after.password)
        assert not self.run.secrets.opens(before, before.password)
        assert self.sql(self.role("app"), "SELECT sum(amount) FROM entry") == "44"
        self.sql(self.role("migrator"), "ALTER TABLE entry DROP COLUMN note")
        assert self.apply()["drift"] == []
        self.unharmed(owner)

    def emergency(self, _: Owner) -> None:
        """Everybody whom IAM allows can read the connection secret, and is reported."""
        secrets = client("secretsmanager", self.run.sandbox, self.run.region)
        secrets.delete_resource_policy(SecretId=f"{STACK}/database/connection")
        assert may_read(self.policy("database/connection")) == EVERYBODY
        assert self.reported() == EVERYBODY - PIPELINE - FUNCTIONS

    def limited(self, owner: Owner) -> None:
        assert may_read(self.policy("database/connection")) == PIPELINE | FUNCTIONS
        assert self.reported() == EVERYBODY - PIPELINE - FUNCTIONS
        self.unharmed(owner)

    def unharmed(self, owner: Owner) -> None:
        assert owner.primary()["DbiResourceId"] == self.seen["instance"]
        assert owner.data() == "42"

    # The account -------------------------------------------------------------------------------

    def connection(self) -> Credentials:
        return self.run.secrets.current(f"{STACK}/database/connection")

    def role(self, name: str) -> Credentials:
        return self.run.secrets.current(f"{STACK}/roles/{name}")

    def policy(self, name: str) -> str | None:
        secrets = client("secretsmanager", self.run.sandbox, self.run.region)
        answer = secrets.get_resource_policy(SecretId=f"{STACK}/{name}")
        policy: str | None = answer.get("ResourcePolicy")
        return policy

    def reported(self) -> set[str]:
        """Return whose reads of the connection secret the rule of EventBridge reports."""
        events = client("events", self.run.sandbox, self.run.region)
        pattern = events.describe_rule(Name=f"{STACK}-connection-read")["EventPattern"]
        return {name for name in EVERYBODY if reports(pattern, read_by(role_arn(name)))}

    def sql(self, credentials: Credentials, sql: str) -> str:
        return self.run.secrets.query(credentials, sql)

    def apply(self) -> Mapping[str, Any]:
        """Call the function as the page does."""
        function = client("lambda", self.run.sandbox, self.run.region)
        answer = function.invoke(FunctionName=f"{STACK}-roles", Payload=b'{"action": "apply"}')
        read: Mapping[str, Any] = json.load(answer["Payload"])
        assert "drift" in read, read
        return read


def failing(verdict: Mapping[str, Any]) -> list[str]:
    [environment] = verdict["environments"]
    return [row["id"] for row in environment["failures"] if row["status"] == "failed"]


def test_policies_are_read_as_aws_reads_them() -> None:
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Resource": "*"}
    over_tls = {**deny, "Action": "secretsmanager:*", "Condition": tls}
    names = {"aws:PrincipalArn": [role_arn("ledger-app")]}
    read_ = {**deny, "Action": "secretsmanager:GetSecretValue"}
    named = {**read_, "Condition": {"StringNotEquals": names}}
    assert may_read(None) == may_read(json.dumps({"Statement": [over_tls]})) == EVERYBODY
    assert may_read(json.dumps({"Statement": [over_tls, named]})) == {"ledger-app"}
    with pytest.raises(AssertionError):
        may_read(json.dumps({"Statement": [{**named, "Effect": "Allow"}]}))


def test_the_page_fits_an_environment_of_older_releases() -> None:
    """Without Terraform: the pins of `finbase upgrade`, then both edits of the page."""
    registry, name = Registry(ROOT), f"environments/{ENVIRONMENT}.yaml"
    older = read(name, BEFORE.read_bytes(), registry, ROOT)
    pins = newer(older, registry)
    assert pins.keys() == {use.name for use in older.modules}
    values = yaml.safe_load(with_pins(older.document, BEFORE.read_text(), pins))
    for word in ("kind: read-write", "nobody else"):
        values["modules"].get("roles", {}).pop("moving_readers", None)
        for module, section in yaml.safe_load(documented("yaml", word)).items():
            values["modules"][module] = values["modules"].get(module, {}) | section
        now = read(name, json.dumps(values).encode(), registry, ROOT)
        assert {use.name for use in now.modules} == {*pins, "roles"}
        assert not [pin for pin in newer(now, registry) if pin in ("roles", "secret")]


@pytest.mark.soak
@pytest.mark.terraform
def test_an_environment_moves_to_roles_as_the_page_says(
    project: Path, record_property: Callable[[str, object], None]
) -> None:
    (project / "environments" / f"{ENVIRONMENT}.yaml").write_bytes(BEFORE.read_bytes())
    assert finbase(project, "render", ENVIRONMENT).exit_code == 0
    registry = Registry(project)
    [loaded] = load_environments(project, registry, [ENVIRONMENT])
    reader = Reader(loaded, registry, project, destroys=1, folder=project)
    quiet = Expect.NOTHING
    group = frozenset({"aws_db_parameter_group"})
    reader.steps = (
        LifeStep("as it was", (Edit(unchanged, after=(Owner.write_data, reader.before)),)),
        LifeStep(
            "1. create the roles",
            (Edit(reader.upgrade_and_create, after=(reader.created,), loses=group),),
        ),
        LifeStep("2. give the tables", (Edit(unchanged, quiet, by_hand=(reader.give_tables,)),)),
        LifeStep("3. move", (Edit(unchanged, quiet, by_hand=(reader.move,)),)),
        LifeStep("4. lock", (Edit(reader.lock, after=(reader.locked,)),)),
        LifeStep(
            "in an emergency",
            (Edit(unchanged, by_hand=(reader.emergency,), after=(reader.limited,)),),
        ),
    )
    judged: list[list[str]] = []

    def judge(plan: bytes, stack: Path) -> list[str]:
        verdict = compliance.run(
            plan, project / "features", environment=ENVIRONMENT, rendered=True, stack=stack
        )
        judged.append([row.id for row in verdict.by_failure() if row.open])
        return []

    with scratch_folder() as scratch:
        result = rehearse(
            project,
            ENVIRONMENT,
            account_id=loaded.account_id,
            region=loaded.region,
            scratch=scratch,
            terraform=find_terraform(),
            progress=lambda *_: None,
            judge=judge,
            life=reader,
        )
    assert not result.problems
    assert reader.refused == ["B13"]
    old, moved = judged[:2], judged[2:]
    assert "B13" in old[0]
    assert old[0] == old[1]
    # Two plans of each step, one of a step in which nothing changes, and one that lifts the
    # protection from deletion. Without the policy, the first of the last step shows that it comes
    # back.
    assert moved[:8] == [[]] * 8
    for step in result.steps:
        record_property(
            "seen", f"{step.name}: {step.resources}, {step.seconds:.0f} s, {step.calls}"
        )
