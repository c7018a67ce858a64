"""``finbase show``: every value, where it comes from, and its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finbase.cli import main
from finbase.environment.load import load
from finbase.render.values import Value, values
from tests.support.sample import REGISTRY, ROOT, SAMPLE, changed, write


def show(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(ROOT), "show", *arguments])


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Value]:
    path = write(tmp_path, changed({"cache.description": "Sessions"}))
    return {value.name: value for value in values(load(path, REGISTRY, tmp_path))}


def test_values_are_complete(tmp_path: Path) -> None:
    environment = load(write(tmp_path, SAMPLE), REGISTRY, tmp_path)
    names = [value.name for value in values(environment)]
    assert len(names) == len(set(names))
    expected = {
        ".".join(filter(None, (use.name, instance.key, variable.name)))
        for use in environment.modules
        for instance in use.instances
        for variable in use.contract.variables
    }
    assert expected <= set(names)
    assert {"project", "tags.owner", "state.bucket", "cache.version"} <= set(names)


def test_values_lines(found: dict[str, Value], tmp_path: Path) -> None:
    value = found["cache.description"]
    assert (value.origin, value.text) == ("set", '"Sessions"')
    lines = (tmp_path / value.source).read_text().splitlines()
    assert '"Sessions"' in lines[value.line - 1]


@pytest.mark.parametrize(
    ("name", "origin", "text"),
    [
        ("cache.snapshot_retention_limit", "default", "7"),
        ("cache.user_group_id", "unset", ""),
        ("cache.vpc_id", "wired", "module.network.vpc_id"),
        ("replica.reporting.instance", "wired", '"reporting"'),
        ("replica.reporting.instance_class", "set", '"db.r7g.large"'),
        ("database.name", "wired", "local.name"),
    ],
)
def test_values_origins(found: dict[str, Value], name: str, origin: str, text: str) -> None:
    assert (found[name].origin, found[name].text) == (origin, text)


def test_show_table_equals_json(tmp_path: Path) -> None:
    report = tmp_path / "values.json"
    done = show("production", "--json", str(report))
    assert done.exit_code == 0, done.output
    document = json.loads(report.read_text())
    assert (document["schema_version"], document["environment"]) == (2, "production")
    entries = document["values"]
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines] == [entry["name"] for entry in entries]
    assert any("wired from network.vpc_id" in line for line in lines)
    assert any("default of database" in line for line in lines)


def test_values_of_module() -> None:
    done = show("production", "cache")
    assert done.exit_code == 0
    assert all(line.startswith("cache.") for line in done.output.splitlines())
    unknown = show("production", "queue")
    assert unknown.exit_code == 2
    assert "production has no module queue\n    hint: it has kms, network" in unknown.output
