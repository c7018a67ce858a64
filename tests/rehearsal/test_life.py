"""A year in the life of a stack: its edits, what they must lead to, and the life itself."""

from __future__ import annotations

import gzip
import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments, read
from finbase.environment.model import Environment
from finbase.errors import FinbaseError
from finbase.judge import compliance
from finbase.judge.ready import Ready
from finbase.plan.refusals import Refusal
from finbase.plan.summary import Step, Summary
from finbase.rehearsal.inventory import Resource
from finbase.rehearsal.life import course, edits, promises
from finbase.rehearsal.life.course import Life
from finbase.rehearsal.life.older_state import older, versions
from finbase.rehearsal.life.owner import GUARD, PRIMARY, Owner
from finbase.rehearsal.life.steps import SHORT, STEPS, Edit, Expect, LifeStep
from finbase.rehearsal.record import StepLog
from finbase.rehearsal.rehearse import rehearse
from finbase.rehearsal.scratch import scratch_folder
from finbase.system.processes import Processes
from finbase.terraform.program import find_terraform
from tests.support.commands import ROOT

REGISTRY = Registry(ROOT)
NAMES = ("development", "staging", "production")


def environment(name: str) -> Environment:
    [loaded] = load_environments(ROOT, REGISTRY, [name])
    return loaded


def lived(name: str) -> Iterator[tuple[LifeStep, Edit, Environment, Environment]]:
    """Yield each edit of a life, with the environment before and after it."""
    now = environment(name)
    for step in STEPS:
        for edit in step.edits if not step.missing(now) else ():
            values = edit.change(now)
            after = read(now.document.path, json.dumps(values).encode(), REGISTRY, ROOT)
            yield step, edit, now, after
            now = after


@pytest.mark.parametrize("name", NAMES)
def test_each_edit_is_valid_and_changes_something(name: str) -> None:
    for _, edit, before, after in lived(name):
        same = dict(before.document.value) == dict(after.document.value)
        assert same is (edit.change is edits.unchanged)
    assert int(database(after)["engine_version"]) == int(
        database(environment(name))["engine_version"]
    )
    assert "restore_from" not in database(after)
    assert edits.REPLICA not in str(after.document.value)


def database(environment: Environment) -> Any:
    return environment.document.value["modules"]["database"]


@pytest.mark.parametrize(
    ("name", "pins", "size", "iops"),
    [
        ("staging", {}, 400, 12000),
        ("staging", {"replica": "2.0.0"}, 110, None),
        ("production", {}, 550, 12000),
    ],
)
def test_storage_crosses_the_border_if_replicas_can(
    name: str, pins: dict[str, str], size: int, iops: int | None
) -> None:
    before = environment(name)
    values = json.loads(json.dumps(before.document.value))
    for module, version in pins.items():
        values["modules"][module]["version"] = version
    pinned = read(before.document.path, json.dumps(values).encode(), REGISTRY, ROOT)
    after = edits.larger(pinned)["modules"]["database"]
    assert (after["allocated_storage"], after.get("iops")) == (size, iops)


@pytest.mark.parametrize("name", NAMES)
def test_another_zone_overlaps_nothing(name: str) -> None:
    before = environment(name)
    network = edits.another_zone(before)["modules"]["network"]
    ranges = [
        ipaddress.IPv4Network(cidr) for zone in network["zones"].values() for cidr in zone.values()
    ]
    assert len(network["zones"]) == len(before.document.value["modules"]["network"]["zones"]) + 1
    assert all(one.subnet_of(ipaddress.IPv4Network(network["cidr"])) for one in ranges)
    assert not [
        (one, other)
        for number, one in enumerate(ranges)
        for other in ranges[:number]
        if one.overlaps(other)
    ]


def test_a_full_network_has_no_room_for_another_zone() -> None:
    now = environment("development")  # Of its /20, three ranges of a /22 are used or free.
    values = edits.another_zone(now)
    full = read(now.document.path, json.dumps(values).encode(), REGISTRY, ROOT)
    with pytest.raises(FinbaseError, match="has no room for another zone"):
        edits.another_zone(full)


def test_steps_that_an_environment_cannot_take_are_named() -> None:
    assert {step.name for step in STEPS if step.missing(environment("development"))} == {
        "add a replica",
        "remove the replica",
    }
    assert not [step.name for step in STEPS if step.missing(environment("staging"))]


LOSS = Summary((Step(PRIMARY, "module.database", "replace", loses="the database"),))
REFUSED = Summary((), (Refusal("LOST RESET", "x", "keeps the port", "reset it"),))
SECRETS = frozenset({"aws_secretsmanager_secret_version"})


@pytest.mark.parametrize(
    ("edit", "summary", "changed", "found"),
    [
        (Edit(edits.reset), Summary(()), True, []),
        (Edit(edits.reset), Summary(()), False, ["the plan has 0 changes"]),
        (Edit(edits.unchanged, Expect.NOTHING), Summary(()), False, []),
        (Edit(edits.unchanged, Expect.NOTHING), Summary(()), True, ["the plan has 0 changes"]),
        (Edit(edits.larger), LOSS, True, [f"the plan would replace {PRIMARY}: the database"]),
        (Edit(edits.larger, loses=SECRETS), LOSS, True, ["the plan would replace"]),
        (Edit(edits.larger, loses=frozenset({"aws_db_instance"})), LOSS, True, []),
        (Edit(edits.older_version, Expect.LOST_RESET), REFUSED, True, []),
        (Edit(edits.older_version, Expect.LOST_RESET), Summary(()), True, ["`: nothing"]),
        (Edit(edits.reset), REFUSED, True, ["refused by `finbase apply`: LOST RESET"]),
    ],
)
def test_surprises(edit: Edit, summary: Summary, changed: bool, found: list[str]) -> None:
    surprises = course._surprises(edit, summary, changed)
    assert len(surprises) == len(found)
    for surprise, text in zip(surprises, found, strict=True):
        assert text in surprise


class FakeOwner:
    """An owner whose stack can break each promise."""

    def __init__(self) -> None:
        self.rows, self.names, self.days, self.accepted = "42", {"one"}, 7, True

    def connections(self) -> list[str]:
        return ["secret"]

    def data(self) -> str:
        if not self.rows:
            raise FinbaseError("no table")
        return self.rows

    def snapshots(self) -> frozenset[str]:
        return frozenset(self.names)

    def primary(self) -> dict[str, Any]:
        return {"BackupRetentionPeriod": self.days}


class FakeRun:
    """A run with one kept log group, which can disappear."""

    def __init__(self, owner: FakeOwner) -> None:
        self.secrets = self.stack = self
        self.owner, self.existing = owner, {"aws_cloudwatch_log_group a"}
        self.host, self.password = "host", "password"

    def collect(self) -> None:
        pass

    def current(self, _: str) -> FakeRun:
        return self

    def opens(self, *_: object) -> bool:
        return self.owner.accepted

    def inventory(self) -> set[str]:
        return self.existing

    def state(self) -> dict[str, Any]:
        values = {"name": "a", "skip_destroy": True}
        group = {"mode": "managed", "type": "aws_cloudwatch_log_group", "values": values}
        return {"values": {"root_module": {"resources": [group]}}}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("accepted", False, "refuses the password"),
        ("rows", "41", "the data of the life is not in the database: 41"),
        ("rows", "", "the data of the life is not in the database: no table"),
        ("names", {"two"}, "the snapshot one is gone"),
        ("days", 0, "the primary has no backups"),
        ("existing", set(), "aws_cloudwatch_log_group a is gone"),
    ],
)
def test_a_broken_promise_is_a_problem(name: str, value: object, problem: str) -> None:
    owner: Any = FakeOwner()
    run: Any = FakeRun(owner)
    kept = promises.Promises(run, owner)
    step = StepLog()
    kept.check(step)
    assert not step.problems
    setattr(run if name == "existing" else owner, name, value)
    kept.check(step)
    [found] = step.problems
    assert problem in found


def test_data_is_read_with_the_secret_of_the_master_user() -> None:
    arns = [f"arn:aws:secretsmanager:eu-west-1:1:secret:x/{n}" for n in ("roles/a", "roles/b")]
    arns.append("arn:aws:secretsmanager:eu-west-1:1:secret:x/database/connection-AbCdEf")
    secrets = SimpleNamespace(
        rotated=lambda _: arns, current=lambda arn: arn, query=lambda arn, sql: f"{sql} with {arn}"
    )
    owner = Owner.__new__(Owner)
    run: Any = SimpleNamespace(secrets=secrets, stack=SimpleNamespace(state=dict))
    owner._run = run
    assert owner.data() == f"SELECT amount FROM life with {arns[-1]}"


class FakeAccount(FakeRun):
    """An account with the log group ``a`` of a stack, and ``b`` of a replica that was removed."""

    def __init__(self) -> None:
        super().__init__(FakeOwner())
        self.groups = {Resource("aws_cloudwatch_log_group", name) for name in "ab"}
        self.removed: list[tuple[frozenset[Resource], frozenset[str]]] = []

    def list_account(self) -> frozenset[Resource]:
        return frozenset()

    def inventory(self) -> Any:
        return frozenset(self.groups)

    def list_leftovers(self, before: frozenset[Resource], kept: frozenset[str]) -> None:
        self.removed.append((before, kept))

    def show(self, *_: object) -> None:
        pass

    def lift_protection(self) -> None:
        pass

    def destroy(self, _: object) -> None:
        pass


def test_logs_of_a_removed_replica_outlive_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    account: Any = FakeAccount()
    seen = frozenset(map(str, account.groups))
    again: list[frozenset[Resource]] = []
    monkeypatch.setattr(course, "Owner", lambda *_: None)
    monkeypatch.setattr(course, "Promises", lambda *_: SimpleNamespace(logs=seen))
    monkeypatch.setattr(Life, "_create_again", lambda *given: again.append(given[-1]))
    Life(environment("development"), REGISTRY, ROOT, steps=()).live(account, account)
    replica = Resource("aws_cloudwatch_log_group", "b")
    assert account.removed == [
        (frozenset(), seen),
        (frozenset({replica}), frozenset({"aws_cloudwatch_log_group a"})),
    ]
    assert again == [frozenset({replica})]


@pytest.mark.parametrize("name", NAMES)
def test_a_state_in_older_schemas_differs_where_an_upgrade_changes_it(name: str) -> None:
    state = gzip.decompress((ROOT / "features" / "applied" / f"{name}.state.gz").read_bytes())
    earlier = older(state)
    assert {type_: found for (_, type_), found in versions(state).items()} == {
        "aws_db_instance": {2},
        "aws_cloudwatch_event_rule": {1},
        "aws_cloudwatch_event_target": {1},
    }
    assert {type_: found for (_, type_), found in versions(earlier).items()} == {
        "aws_db_instance": {1},
        "aws_cloudwatch_event_rule": {0},
        "aws_cloudwatch_event_target": {0},
    }
    for before, after in zip(
        json.loads(state)["resources"], json.loads(earlier)["resources"], strict=True
    ):
        same = before == after
        known = before["mode"] == "managed" and before["type"] in {t for _, t in versions(state)}
        assert same is not known, before["type"]


def test_a_state_that_stays_in_older_schemas_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "terraform.tfstate"
    file.write_bytes(
        gzip.decompress((ROOT / "features" / "applied" / "development.state.gz").read_bytes())
    )
    newer = file.read_bytes()
    owner = Owner.__new__(Owner)
    owner._state, owner._before = file, b""
    owner.take_older_state()
    with pytest.raises(FinbaseError, match="the state has the schemas"):
        owner.find_newer_state()
    file.write_bytes(newer)
    owner.find_newer_state()


def test_replicas_of_an_instance_set_aside_are_replaced() -> None:
    """The provider refuses another source: cannot elect new source database for replication."""
    state = gzip.decompress((ROOT / "features" / "applied" / "staging.state.gz").read_bytes())
    resources = [
        {
            "mode": "managed",
            "address": f"{resource['module']}.{resource['type']}.{resource['name']}",
            "values": resource["instances"][0]["attributes"],
        }
        for resource in json.loads(state)["resources"]
        if resource["type"] == "aws_db_instance"
    ]
    calls: list[object] = []
    owner = Owner.__new__(Owner)
    owner.rds = SimpleNamespace(modify_db_instance=lambda **given: calls.append(given))
    stack = SimpleNamespace(
        state=lambda: {"values": {"root_module": {"resources": resources}}}, taint=calls.append
    )
    fake: Any = SimpleNamespace(stack=stack)
    owner._run = fake
    owner.replace_replicas()
    assert calls == [
        {
            "DBInstanceIdentifier": "ledger-staging-reporting",
            "DeletionProtection": False,
            "ApplyImmediately": True,
        },
        "module.replica_reporting.aws_db_instance.replica",
    ]
    for name in ("restore a snapshot", "restore to a point in time"):
        [step] = [step for step in STEPS if step.name == name]
        acts = step.edits[0].by_hand
        assert acts.index(Owner.replace_replicas) > acts.index(Owner.set_primary_aside)


@pytest.mark.parametrize("kept", [True, False])
def test_instance_set_aside_is_forgotten_with_what_keeps_it(kept: bool) -> None:
    """Terraform would refuse to create another instance in place of a protected one."""
    addresses = [PRIMARY, *([GUARD] if kept else [])]
    resources = [{"mode": "managed", "address": address, "values": {}} for address in addresses]
    forgotten: list[str] = []
    owner = Owner.__new__(Owner)
    owner.name = "ledger-staging"
    owner.rds = SimpleNamespace(modify_db_instance=lambda **_: None)
    stack = SimpleNamespace(
        state=lambda: {"values": {"root_module": {"resources": resources}}},
        forget=forgotten.append,
    )
    fake: Any = SimpleNamespace(stack=stack)
    owner._run = fake
    owner.set_primary_aside()
    assert forgotten == addresses


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("name", "steps", "destroys"),
    [
        # `test_rehearse_killed` destroys the same stack.
        pytest.param("development", SHORT, 0, id="short"),
        pytest.param("staging", STEPS, 2, id="whole", marks=pytest.mark.soak),
    ],
)
def test_life(name: str, steps: tuple[LifeStep, ...], destroys: int) -> None:
    loaded = environment(name)

    def judge(plan: bytes, stack: Path) -> list[str]:
        verdict = compliance.run(
            plan,
            ROOT / "features",
            environment=name,
            rendered=True,
            stack=stack,
            processes=ready,
        )
        return [row.id for row in verdict.by_failure() if row.status == "failed"]

    with scratch_folder() as scratch, Processes() as processes, Ready(processes) as ready:
        result = rehearse(
            ROOT,
            name,
            account_id=loaded.account_id,
            region=loaded.region,
            scratch=scratch,
            terraform=find_terraform(),
            progress=lambda *_: None,
            judge=judge,
            life=Life(loaded, REGISTRY, ROOT, steps, destroys),
        )
    assert not result.problems
    names = [step.name for step in result.steps]
    assert [name for name in names if name in {step.name for step in steps}] == [
        step.name for step in steps
    ]
    assert names.count("destroy") == destroys
    assert not [note for step in result.steps for note in step.notes if "skipped" in note]
    refused = next(step for step in result.steps if "refused half-way" in step.name)
    assert any(note.startswith("refused: ") for note in refused.notes)
