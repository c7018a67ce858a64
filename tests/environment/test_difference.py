"""How two environments differ."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase.cli import main
from finbase.contract.registry import Registry
from finbase.environment import difference
from finbase.environment.difference import Difference, Side
from finbase.environment.load import load
from finbase.environment.model import Environment
from tests.support.commands import run
from tests.support.sample import SAMPLE, changed, write
from tests.support.strategies import REGISTRY, environments

LEFT = changed({"environment": "left"})


def compare(project: Path, right: dict[str, Any], left: dict[str, Any] = LEFT) -> dict[str, Any]:
    """The differences by name, as pairs of sides."""
    registry = Registry(project)
    right = {**right, "environment": "right"}
    one, other = (load(write(project, each), registry, project) for each in (left, right))
    return {d.name: (d.left, d.right) for d in difference.compare(one, other)}


def finbase(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(project), "diff", *arguments])


def contract(module: str) -> str:
    return f"{module} {SAMPLE['modules'][module]['version']}"


def test_compare_ignores_name(project: Path) -> None:
    assert compare(project, SAMPLE) == {}
    result = finbase(project, "left", "right")
    assert (result.exit_code, result.output) == (
        0,
        "left and right differ only in their names\n",
    )
    assert finbase(project, "left", "left").exit_code == 0


@pytest.mark.parametrize(
    ("way", "value"),
    [
        ("project", "other"),
        ("account_id", "999988887777"),
        ("tags.owner", "another"),
        ("state.bucket", "another-bucket"),
        ("database.allocated_storage", 500),
        ("network.zones.eu-west-1a.public_cidr", "10.20.255.0/24"),
        ("replica.instances.reporting.instance_class", "db.r7g.xlarge"),
    ],
)
def test_compare_set_values(project: Path, way: str, value: Any) -> None:
    found = compare(project, changed({way: value}))
    if way == "account_id":
        del found["roles.roles.app.readers"]  # The readers of a secret are in the account.
    ((name, (left, right)),) = found.items()
    assert name == way.replace(".instances", "")
    assert (left.kind, right.kind, right.value) == ("set", "set", value)
    assert (left.path, right.path) == ("environments/left.yaml", "environments/right.yaml")


def test_compare_lines(project: Path) -> None:
    result = finbase(project, "staging", "production")
    assert result.exit_code == 1
    lines = (project / "environments" / "production.yaml").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.strip().startswith("account_id:"))
    assert f'"111122223333"  environments/production.yaml:{line}' in result.output


def test_compare_default(project: Path) -> None:
    found = compare(project, changed({"database.port": 6432}))
    assert found["database.port"][0] == Side("default", 5432, contract=contract("database"))
    assert found["database.port"][1].value == 6432
    text = finbase(project, "left", "right").output
    assert f"left   5432  (default of {contract('database')})" in text
    assert "right  6432  environments/right.yaml:1" in text
    assert text.endswith("1 difference between left and right\n")


def test_compare_ignores_equal_default(project: Path) -> None:
    assert compare(project, changed({"database.multi_az": True})) == {}


def test_compare_unset_input(project: Path) -> None:
    found = compare(project, changed({"database.iops": 12000}))
    assert found["database.iops"][0] == Side("unset", contract=contract("database"))


def test_compare_ignores_order_of_sets(project: Path) -> None:
    left = changed(
        {"environment": "left", "network.interface_endpoints": ["secretsmanager", "sts"]}
    )
    right = changed({"network.interface_endpoints": ["sts", "secretsmanager"]})
    assert compare(project, right, left) == {}
    right = changed({"network.interface_endpoints": ["secretsmanager"]})
    assert list(compare(project, right, left)) == ["network.interface_endpoints"]


def test_compare_missing_entry(project: Path) -> None:
    zone = {
        "public_cidr": "10.20.2.0/24",
        "private_cidr": "10.20.48.0/20",
        "database_cidr": "10.20.10.0/24",
    }
    found = compare(project, changed({"network.zones.eu-west-1c": zone, "tags.team": "ledger"}))
    assert list(found) == ["tags.team", "network.zones.eu-west-1c"]
    assert found["network.zones.eu-west-1c"][0] == Side("absent")
    assert found["network.zones.eu-west-1c"][1].value == zone


def test_compare_missing_instance_and_module(project: Path) -> None:
    more = {"instance_class": "db.r7g.large"}
    found = compare(project, changed({"replica.instances.other": more}))
    assert list(found) == ["replica.other"]
    assert (found["replica.other"][0].kind, found["replica.other"][1].value) == ("absent", more)
    none = changed({})
    del none["modules"]["replica"]
    found = compare(project, none)
    assert list(found) == ["replica.version", "replica.reporting"]
    assert found["replica.version"][1] == Side("absent")


def newer(project: Path, module: str, old: str, new: str) -> None:
    """A second version of a module, with a text of its contract replaced."""
    version = SAMPLE["modules"][module]["version"]
    source = project / "modules" / module / version
    target = source.with_name("7.0.0")
    shutil.copytree(source, target)
    text = (target / "contract.yaml").read_text()
    assert text.count(old) == 1
    text = text.replace(old, new).replace(f"version: {version}", "version: 7.0.0", 1)
    (target / "contract.yaml").write_text(text)


def test_compare_versions(project: Path) -> None:
    newer(
        project,
        "cache",
        "    maximum: 5000\n    default: 10\n",
        "    maximum: 5000\n    default: 11\n",
    )
    found = compare(project, changed({"cache.version": "7.0.0"}))
    assert list(found) == ["cache.version", "cache.data_storage_maximum_gb"]
    assert found["cache.data_storage_maximum_gb"] == (
        Side("default", 10, contract=contract("cache")),
        Side("default", 11, contract="cache 7.0.0"),
    )


def test_compare_unknown_input(project: Path) -> None:
    newer(project, "cache", "  snapshot_retention_limit:\n", "  snapshots_kept:\n")
    found = compare(project, changed({"cache.version": "7.0.0"}))
    assert found["cache.snapshot_retention_limit"][1] == Side("unknown", contract="cache 7.0.0")
    assert found["cache.snapshots_kept"][0] == Side("unknown", contract=contract("cache"))
    assert "cache 7.0.0 has no such input" in finbase(project, "left", "right").output


def test_compare_hides_secrets(project: Path) -> None:
    newer(project, "cache", "    maxLength: 255\n", "    maxLength: 255\n    sensitive: true\n")
    right = changed({"cache.version": "7.0.0", "cache.description": "hush-hush"})
    found = compare(project, right)
    assert found["cache.description"][1] == Side(
        "set", None, secret=True, path="environments/right.yaml", line=1
    )
    result = run(project, "diff", "left", "right", "--json", "-")
    for text in (result.stdout, result.stderr):
        assert "hush-hush" not in text
        assert "secret" in text


def test_diff_json(project: Path) -> None:
    compare(project, changed({"tags.owner": "another"}))
    result = run(project, "diff", "left", "right", "--json", "-")
    assert result.returncode == 1
    assert "1 difference between left and right" in result.stderr
    document = json.loads(result.stdout)
    assert document["schema_version"] == 2
    assert document["environments"] == ["left", "right"]
    assert document["equal"] is False
    (only,) = document["differences"]
    assert only["name"] == "tags.owner"
    assert [side["value"] for side in only["sides"]] == ["payments-platform", "another"]


def test_diff_refuses_missing_environment(project: Path) -> None:
    result = finbase(project, "staging", "producton")
    assert result.exit_code == 2
    assert "did you mean `production`?" in result.output


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawn")


def loaded(scratch: Path, value: dict[str, Any]) -> Environment:
    return load(write(scratch, value), REGISTRY, scratch)


@settings(max_examples=10)
@given(left=environments("left"), right=environments("right"))
def test_compare_is_symmetric(scratch: Path, left: dict[str, Any], right: dict[str, Any]) -> None:
    one, other = loaded(scratch, left), loaded(scratch, right)
    there, back = difference.compare(one, other), difference.compare(other, one)
    swapped = {Difference(d.name, d.right, d.left) for d in map(_frozen, back)}
    assert {_frozen(d) for d in there} == swapped
    assert difference.compare(one, one) == ()
    twin = loaded(scratch, {**left, "environment": "twin"})
    assert difference.compare(one, twin) == ()


@settings(max_examples=10)
@given(environments("left"), st.data())
def test_compare_finds_drawn_change(
    scratch: Path, left: dict[str, Any], data: st.DataObject
) -> None:
    ways = {
        "account_id": st.from_regex("[0-9]{12}", fullmatch=True),
        "tags.owner": st.text("abc", min_size=1, max_size=3),
        "cache.data_storage_maximum_gb": st.integers(1, 4999),
    }
    if left["tags"]["data_classification"] in ("public", "internal"):
        ways["kms.deletion_window_in_days"] = st.integers(7, 30)
    change = data.draw(st.fixed_dictionaries({}, optional=ways))
    left["modules"].pop("roles", None)  # Their readers follow the account.
    right = changed({**change, "environment": "right"}, of=left)
    found = difference.compare(loaded(scratch, left), loaded(scratch, right))
    assert {d.name for d in found} <= change.keys()
    for d in found:
        assert d.right.value == change[d.name]
        assert d.left.value != d.right.value


def _frozen(each: Difference) -> Difference:
    """The same with values that can be members of a set."""
    sides = (Side(**{**vars(s), "value": json.dumps(s.value)}) for s in (each.left, each.right))
    return Difference(each.name, *sides)
