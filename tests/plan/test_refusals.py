"""What makes a plan unfit to be applied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from finbase.plan.refusals import FUNCTIONS, refusals
from finbase.plan.summary import summarise
from finbase.report.plan import PlanReport
from tests.support.commands import ROOT

SECRET_VERSION = "module.secret.aws_secretsmanager_secret_version.connection"
ROTATION = "module.secret.aws_secretsmanager_secret_rotation.connection"
INITIAL = "module.database.aws_secretsmanager_secret_version.initial"
PRIMARY = "module.database.aws_db_instance.primary"
REPLICA = "module.replica_reporting.aws_db_instance.replica"
FUNCTION = "module.secret.aws_lambda_function.rotation"


def resource(
    address: str, *actions: str, before: Any = None, after: Any = None, **change: Any
) -> dict[str, Any]:
    module, kind, _ = address.split("[")[0].rsplit(".", 2)
    return {
        "address": address,
        "module_address": module,
        "mode": "managed",
        "type": kind,
        "change": {"actions": [*actions], "before": before, "after": after, **change},
    }


def update(address: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change in place, with the values of ``before`` that ``after`` does not change."""
    return resource(address, "update", before=dict(before), after={**before, **after})


def kinds(*resources: Mapping[str, Any], **plan: Any) -> list[str]:
    """Return the kinds of what is refused; each stands in the report and in its JSON."""
    summary = summarise({"resource_changes": resources, **plan})
    report = PlanReport("x", summary)
    for refusal in summary.refused:
        assert f"**{refusal.kind}**: `{refusal.address}` {refusal.why}; " in report.text()
    assert [each["fix"] for each in report.document()["refused"]] == [
        refusal.fix for refusal in summary.refused
    ]
    return [refusal.kind for refusal in summary.refused]


def connection(input_: Any, unknown: Any = False) -> dict[str, Any]:
    return resource(
        "module.secret.terraform_data.connection",
        "update",
        before={"input": {"host": "a", "port": 5432, "username": "b"}},
        after={"input": input_},
        after_unknown={"input": unknown},
    )


@pytest.mark.parametrize(
    ("public", "version", "fields"),
    [
        (connection({"host": "a", "port": 5433, "username": "b"}), ["no-op"], "`port`"),
        (
            connection({"port": 5432, "username": "c"}, {"host": True}),
            ["no-op"],
            "`host` and `username`",
        ),
        (connection(None, True), ["no-op"], "`host` and `port` and `username`"),
        (connection({"host": "a", "port": 5433, "username": "b"}), ["delete", "create"], ""),
        (connection({"host": "a", "port": 5433, "username": "b"}), ["update"], ""),
        (connection({"host": "a", "port": 5432, "username": "b"}), ["no-op"], ""),
        (
            resource(
                "module.secret.terraform_data.connection", "create", after={"input": {"port": 1}}
            ),
            ["create"],
            "",
        ),
    ],
)
def test_stale_secrets(public: dict[str, Any], version: list[str], fields: str) -> None:
    """A version that the plan does not write keeps the port that nobody listens on."""
    changes = [public, resource(SECRET_VERSION, *version)]
    assert kinds(*changes) == ["STALE SECRET"] * bool(fields)
    for refusal in refusals({"resource_changes": changes}):
        assert f"keeps the old {fields}, so" in refusal.why


def numbers(address: str, before: int | None, after: int | None, *actions: str) -> dict[str, Any]:
    """Return a change of the number of a write-only password."""
    argument = "password_wo_version" if "aws_db_instance" in address else "secret_string_wo_version"
    return resource(
        address,
        *(actions or (["no-op"] if before == after else ["update"])),
        before=before and {argument: before},
        after=after and {argument: after},
    )


ROTATES = resource(ROTATION, "no-op", before={}, after={})
ROTATES_SOON = resource(ROTATION, "create", after={})


@pytest.mark.parametrize(
    ("database", "secret", "others", "refused"),
    [
        ((1, 2), (1, 2), (), ""),
        ((1, 1), (1, 1), (), ""),
        ((2, 2), (1, 2), (), "LOST RESET"),  # The update of the database failed; the state has 2.
        ((2, 3), (1, 3), (), ""),
        ((None, 1), (None, 1), (), ""),
        # As before, after Terraform had removed the version that it wanted to replace.
        ((2, 2), (None, 2), (ROTATES,), "LOST RESET"),
        ((None, 2), (None, 2), (), ""),
        # A first apply that was interrupted.
        ((1, 1), (None, 1), (ROTATES_SOON, numbers(INITIAL, 1, 1)), ""),
        # Somebody deleted the version, or both secrets.
        ((1, 1), (None, 1), (ROTATES,), "LOST RESET"),
        ((1, 1), (None, 1), (ROTATES_SOON, numbers(INITIAL, None, 1, "create")), "LOST RESET"),
        # The database was lost, is restored under its name, replaced or imported.
        ((None, 1), (1, 1), (), "LOCKED OUT"),
        ((1, 1, "delete", "create"), (1, 1), (), "LOCKED OUT"),
        ((1, 1, "create", "delete"), (1, 2), (), ""),
        ((1, 2), (1, 1), (), "LOCKED OUT"),
        ((2, 1), (1, 1), (), "LOCKED OUT"),
        ((None, 1), (1, 2), (), ""),
        # Both are destroyed.
        ((1, None, "delete"), (1, None, "delete"), (), ""),
    ],
)
def test_passwords(
    database: tuple[Any, ...],
    secret: tuple[Any, ...],
    others: tuple[dict[str, Any], ...],
    refused: str,
) -> None:
    changes = [numbers(PRIMARY, *database), numbers(SECRET_VERSION, *secret), *others]
    assert kinds(*changes) == [refused] * bool(refused)


def test_passwords_of_a_deleted_secret() -> None:
    """The rotation of a deleted secret is gone with it, as before the end of a first apply."""
    changes = [numbers(PRIMARY, 1, 1), numbers(SECRET_VERSION, None, 1), ROTATES_SOON]
    drift = [resource(SECRET_VERSION, "delete", before={})]
    assert kinds(*changes) == []
    assert kinds(*changes, resource_drift=drift) == ["LOST RESET"]


@pytest.mark.parametrize(
    ("first", "refused"), [((1, 1), []), ((2, 2), ["LOST RESET"]), ((None, 1), ["LOCKED OUT"])]
)
def test_passwords_of_one_database(first: tuple[Any, Any], refused: list[str]) -> None:
    second = (1, 2) if first == (2, 2) else (1, 1)
    changes = [numbers(PRIMARY, *first), numbers(SECRET_VERSION, *second)]
    further = [numbers(PRIMARY, 1, 2), numbers(SECRET_VERSION, 1, 2)]
    for change in further:
        for field in ("address", "module_address"):
            change[field] = re.sub(r"^(module\.\w+)", r"\1_reports", change[field])
    assert kinds(*changes, *further) == refused


ARCHIVE = {"filename": "../../modules/secret/2.2.0/rotation.zip", "function_name": "x-rotation"}
OLD_CODE = {**ARCHIVE, "source_code_hash": "new", "code_sha256": "old"}


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (resource(FUNCTION, "no-op", before=OLD_CODE, after=OLD_CODE), True),
        (update(FUNCTION, OLD_CODE, {"timeout": 9}), True),
        (update(FUNCTION, OLD_CODE, {"source_code_hash": "newer"}), False),
        (update(FUNCTION, OLD_CODE, {"filename": "../../modules/secret/9.0.0/x.zip"}), False),
        (resource(FUNCTION, "delete", "create", before=OLD_CODE, after=OLD_CODE), False),
        (resource(FUNCTION, "create", after=OLD_CODE), False),
        (resource(FUNCTION, "delete", before=OLD_CODE), False),
        (update(FUNCTION, {**OLD_CODE, "code_sha256": "new"}, {"timeout": 9}), False),
        # The project uploads the code in another way.
        (resource("module.m.aws_lambda_function.own", "no-op", before=OLD_CODE), False),
    ],
)
def test_other_code(change: dict[str, Any], refused: bool) -> None:
    """After a refused update, every later plan was empty, and the old code ran for ever."""
    assert kinds(change) == ["OTHER CODE"] * refused
    for refusal in refusals({"resource_changes": [change]}):
        command = "update-function-code --function-name x-rotation --zip-file fileb://modules/"
        assert f"{command}secret/2.2.0/rotation.zip`" in refusal.fix


def test_other_code_covers_every_function() -> None:
    modules = sorted(ROOT.glob("modules/*/*/*.tf"))
    assert modules
    functions = {
        f".aws_lambda_function.{name}"
        for path in modules
        for name in re.findall(r'^resource "aws_lambda_function" "(\w+)"', path.read_text(), re.M)
    }
    assert functions == {*FUNCTIONS}


VOLUME = {
    "allocated_storage": 100,
    "engine": "postgres",
    "iops": 3000,
    "max_allocated_storage": 200,
    "storage_type": "gp3",
}


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ({"engine_version": "17"}, {"engine_version": "18"}, "MAJOR UPGRADE"),
        ({"engine_version": "17.4"}, {"engine_version": "18"}, "MAJOR UPGRADE"),
        ({"engine_version": "17.4"}, {"engine_version": "17"}, ""),
        (
            {"engine_version": "17"},
            {"engine_version": "18", "allow_major_version_upgrade": True},
            "",
        ),
        ({"engine_version": "17"}, {"engine_version": None}, ""),
        (
            {"engine_version": "17"},
            {"engine_version": "16", "allow_major_version_upgrade": True},
            "DOWNGRADE",
        ),
        (
            {"engine_version": "17", "engine_version_actual": "17.6"},
            {"engine_version": "17.4"},
            "DOWNGRADE",
        ),
        ({"allocated_storage": 100}, {"allocated_storage": 99}, "STORAGE"),
        ({"allocated_storage": 100}, {"allocated_storage": 101}, ""),
        (VOLUME, {"allocated_storage": 400}, "STORAGE"),
        (VOLUME, {"allocated_storage": 400, "iops": 12000}, ""),
        (VOLUME, {"allocated_storage": 399, "iops": 12000}, "STORAGE"),
        # RDS has grown the volume itself since the maximum was chosen.
        (VOLUME, {"max_allocated_storage": 109}, "STORAGE"),
        (VOLUME, {"max_allocated_storage": 110}, ""),
        (VOLUME, {"max_allocated_storage": 0}, ""),
    ],
)
def test_what_rds_refuses(before: dict[str, Any], after: dict[str, Any], refused: str) -> None:
    assert kinds(update(PRIMARY, before, after)) == [refused] * bool(refused)
    replacement = resource(PRIMARY, "delete", "create", before=before, after={**before, **after})
    assert kinds(replacement) == []


@pytest.mark.parametrize("value", [None, "x", "9" * 5000, [1], {"1": 1}])
def test_other_types_refuse_nothing(value: Any) -> None:
    """`finbase drift --plan` reads a file that can have any value at any place."""
    full = {"engine": "postgres", "storage_type": "gp3"} | VOLUME
    for name in ("allocated_storage", "iops", "max_allocated_storage", "engine_version"):
        change = update(PRIMARY, full | {name: 17}, {name: value})
        assert kinds(change) in ([], ["MAJOR UPGRADE"] * (name == "engine_version"))
    names = {"before": {}, "after": {"name": value, "family": "postgres18"}}
    parameters = resource("module.database.aws_db_parameter_group.main", "update", **names)
    moved = update(PRIMARY, {"engine_version": "18"}, {"parameter_group_name": value})
    assert kinds(parameters, moved) == []
    cache = "module.cache.aws_elasticache_serverless_cache.main"
    assert kinds(update(cache, {"1": 1}, {"1": value})) == []


def group(version: str, *actions: str) -> dict[str, Any]:
    values = {"name": f"x-postgres{version}", "family": f"postgres{version}"}
    address = f'module.database.aws_db_parameter_group.main["{version}"]'
    return resource(
        address,
        *actions,
        before=None if actions == ("create",) else values,
        after=None if actions == ("delete",) else values,
    )


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        # `previous_engine_version` was removed before RDS had upgraded the replica.
        ({"engine_version": "17.5", "engine_version_actual": "17.5"}, {}, True),
        ({"engine_version": "17.5"}, {}, True),
        ({"engine_version": "18.1", "engine_version_actual": "18.1"}, {}, False),
        # The request that upgrades an instance also gives it the new group.
        (
            {"engine_version": "17", "engine_version_actual": "17.5"},
            {"engine_version": "18", "allow_major_version_upgrade": True},
            False,
        ),
    ],
)
def test_parameter_groups(before: dict[str, Any], after: dict[str, Any], refused: bool) -> None:
    before = {"parameter_group_name": "x-postgres17", **before}
    after = {"parameter_group_name": "x-postgres18", **after}
    groups = group("17", "delete"), group("18", "no-op")
    change = update(REPLICA, before, after)
    assert kinds(change, *groups) == ["PARAMETER GROUP"] * refused
    assert kinds(update(REPLICA, before, {"port": 1}), *groups) == []


@pytest.mark.parametrize(
    ("before", "actions", "refused"),
    [
        ({"deletion_protection": True}, ["delete"], True),
        ({"deletion_protection": True}, ["delete", "create"], True),
        ({"deletion_protection": True}, ["create", "delete"], True),
        ({"deletion_protection": False}, ["delete"], False),
        ({"deletion_protection": True}, ["update"], False),
        ({"deletion_protection": True}, ["forget"], False),
        ({"enable_deletion_protection": True}, ["delete"], True),
    ],
)
def test_protected(before: dict[str, Any], actions: list[str], refused: bool) -> None:
    assert kinds(resource(REPLICA, *actions, before=before)) == ["PROTECTED"] * refused


@pytest.mark.parametrize(
    ("before", "after", "actions", "refused"),
    [
        ("ledger-old", "ledger", ["update"], True),
        ("ledger-old", "ledger", ["delete", "create"], False),
        ("ledger", "ledger", ["update"], False),
        ("ledger", None, ["update"], False),
        (None, "ledger", ["create"], False),
    ],
)
def test_sources_of_replicas(
    before: str | None, after: str | None, actions: list[str], refused: bool
) -> None:
    old, new = ({"replicate_source_db": source} for source in (before, after))
    assert kinds(resource(REPLICA, *actions, before=old, after=new)) == ["REPLICA"] * refused


def usage(**limits: int) -> dict[str, Any]:
    """Return the limits of a cache as a plan has them."""
    return {"cache_usage_limits": [{name: [{"maximum": most}] for name, most in limits.items()}]}


@pytest.mark.parametrize(
    ("before", "after", "settings"),
    [
        (
            usage(data_storage=10, ecpu_per_second=5000),
            usage(data_storage=20, ecpu_per_second=9000),
            "`data_storage` and `ecpu_per_second`",
        ),
        (
            usage(data_storage=10, ecpu_per_second=5000),
            usage(data_storage=20, ecpu_per_second=5000),
            "",
        ),
        (
            {"description": "a", "daily_snapshot_time": "02:00"},
            {"description": "b", "daily_snapshot_time": "03:00"},
            "`daily_snapshot_time` and `description`",
        ),
        ({"engine": "redis", "major_engine_version": "7"}, {"engine": "valkey"}, ""),
        ({"description": "a", "tags": {"a": "b"}}, {"description": "b", "tags": {}}, ""),
    ],
)
def test_settings_of_a_cache(before: dict[str, Any], after: dict[str, Any], settings: str) -> None:
    address = "module.cache.aws_elasticache_serverless_cache.main"
    change = resource(address, "update", before=before, after=after)
    assert kinds(change) == ["CACHE"] * bool(settings)
    for refusal in refusals({"resource_changes": [change]}):
        assert f"would change {settings} at once" in refusal.why
    assert kinds(resource(address, "delete", "create", before=before, after=after)) == []


def test_provisioners() -> None:
    inner = {"resources": [{"address": "terraform_data.x", "provisioners": [{"type": "x"}]}]}
    plan = {"configuration": {"root_module": {"module_calls": {"kms": {"module": inner}}}}}
    [refusal] = refusals(plan)
    assert (refusal.kind, refusal.address) == ("PROVISIONER", "module.kms.terraform_data.x")
    assert kinds(**plan) == ["PROVISIONER"]
