"""What finbase is made of, and what is made of finbase: locked, known, licensed, reproducible."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from email.parser import BytesParser
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from finbase.judge import runner as compliance_runner
from tests.support.commands import ROOT
from tests.support.cyclonedx import faults

REQUIREMENTS = ROOT / "requirements"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PAGE = (ROOT / "docs" / "evidence" / "supply-chain.md").read_text()
FIXTURES = ROOT / "tests" / "fixtures" / "compliance"
SBOM_TOOL = ROOT / "build" / "audit" / "bin" / "cyclonedx-py"


# --- locks -------------------------------------------------------------------------------


def entries(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Each requirement of a lock file, with its hashes."""
    for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
        requirement, *hashes = (part.strip() for part in entry.replace("\\\n", "\n").split("\n"))
        yield Requirement(requirement), hashes


def locked(name: str = "all.lock") -> dict[str, str]:
    """What a lock file installs on this machine: name → version."""
    return {
        canonicalize_name(each.name): next(iter(each.specifier)).version
        for each, _ in entries(REQUIREMENTS / name)
        if each.marker is None or each.marker.evaluate()
    }


LOCKS = sorted(path.name for path in REQUIREMENTS.glob("*.lock"))


def test_locks_are_complete() -> None:
    assert set(LOCKS) >= {"all.lock", "audit.lock", "build.lock", "fuzz.lock"}


def test_run_lock_is_the_part_that_finbase_needs() -> None:
    run = {str(each): hashes for each, hashes in entries(REQUIREMENTS / "run.lock")}
    every = {str(each): hashes for each, hashes in entries(REQUIREMENTS / "all.lock")}
    assert run.items() <= every.items()
    names = locked("run.lock")
    for requirement in map(Requirement, PROJECT["project"]["dependencies"]):
        assert names[canonicalize_name(requirement.name)] in requirement.specifier
    assert not names.keys() & {"pytest", "mypy", "sphinx", "moto", "ruff"}
    assert "cryptography" in names, "an auditor could not verify a bundle after make render"


@pytest.mark.parametrize("name", LOCKS)
def test_page_counts_releases_of_lock(
    name: str,
) -> None:
    where, counted = (line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
    assert where.count("|") == 4
    assert counted.split("|")[2].strip() == str(len(list(entries(REQUIREMENTS / name))))


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_versions_with_hashes(name: str) -> None:
    found = list(entries(REQUIREMENTS / name))
    assert found
    for requirement, hashes in found:
        assert [each.operator for each in requirement.specifier] == ["=="], requirement
        assert requirement.url is None
        assert hashes, requirement
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", each) for each in hashes)


def test_install_requires_hashes() -> None:
    """Only finbase itself is installed without, and then nothing else with it."""
    text = (ROOT / "Makefile").read_text()
    targets = sorted({*re.findall(r"^([\w./-]+):(?!=)", text, re.MULTILINE)} - {".PHONY"})
    printed = subprocess.run(
        ["make", "--dry-run", "--always-make", *targets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = printed.replace("\\\n", " ").splitlines()
    found = [
        line for line in lines if re.search(r"\b(pip|uv|npm|apt(-get)?) +(install|sync|ci)\b", line)
    ]
    assert len(found) >= 3
    for line in found:
        own = "--no-deps --editable ." in line
        npm = "npm ci" in line and "--ignore-scripts" in line
        assert own or "--require-hashes" in line or npm, line
    assert not re.search(r"\b(curl|wget|git clone|pipx|uvx|npx)\b", printed)


@pytest.mark.parametrize("group", ["dependencies", *PROJECT["dependency-groups"]])
def test_lock_satisfies_project(group: str) -> None:
    asked = PROJECT["dependency-groups"].get(group) or PROJECT["project"]["dependencies"]
    own = REQUIREMENTS / f"{group}.lock"
    versions = locked(own.name if own.is_file() else "all.lock")
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


def test_installed_packages_are_locked() -> None:
    allowed = locked() | {"pip": None, "finbase": PROJECT["project"]["version"]}
    installed = {canonicalize_name(d.name): d.version for d in distributions()}
    foreign = {n: v for n, v in installed.items() if allowed.get(n, v if n == "pip" else "") != v}
    assert {n: v for n, v in foreign.items() if n != "pip"} == {}
    assert locked().keys() - installed.keys() == set()


def from_npm() -> dict[str, dict[str, Any]]:
    """What the lock of npm has: where a package is put → what is said of it."""
    lock = json.loads((ROOT / "tests" / "node" / "package-lock.json").read_text())
    assert lock["lockfileVersion"] == 3
    return {place: each for place, each in lock["packages"].items() if place}


def test_npm_packages_have_hashes() -> None:
    packages = from_npm()
    assert f"{len(packages)} packages" in PAGE
    for place, each in packages.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", each["version"]), place
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", each.get("integrity", "")), place
        assert not each.get("hasInstallScript"), place


def test_npm_lock_satisfies_package() -> None:
    asked = json.loads((ROOT / "tests" / "node" / "package.json").read_text())["devDependencies"]
    packages = from_npm()
    assert {name: packages[f"node_modules/{name}"]["version"] for name in asked} == asked


def test_npm_licences_are_allowed() -> None:
    counted = Counter(each.get("license") for each in from_npm().values())
    assert set(counted) <= ALLOWED
    for name, number in counted.items():
        assert f"{name} ({number})" in PAGE


# --- what must never run ------------------------------------------------------------------


def test_judge_imports_no_ipython(tmp_path: Path) -> None:
    """terraform-compliance asks for a prompt that only its debugging opens: it gets a stand-in."""
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(json.loads((FIXTURES / "plan.json").read_text())))
    features = FIXTURES / "features"
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-X", "importtime", compliance_runner.__file__),
            *("-f", features, "-b", features / "steps", "-p", plan, "--no-ansi"),
            f"--cucumber-json={tmp_path / 'report.json'}",
        ],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in importlines(done.stderr)
    }
    assert {"terraform_compliance", "radish", "diskcache"} <= imported
    comes_with_it = {"IPython", "jedi", "pexpect", "pickleshare", "prompt_toolkit", "traitlets"}
    assert not imported & comes_with_it


def importlines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("import time:")]


def test_code_never_imports_ipython() -> None:
    sources = [*(ROOT / "generator" / "finbase").rglob("*.py"), *(ROOT / "features").rglob("*.py")]
    assert len(sources) > 50
    for path in sources:
        assert not re.search(r"^\s*(from|import) (IPython|diskcache)\b", path.read_text(), re.M)


# --- advisories --------------------------------------------------------------------------


def test_ignored_advisories_are_explained() -> None:
    lines = (REQUIREMENTS / "audit.ignore").read_text().splitlines()
    ignored = [line.split(maxsplit=2) for line in lines if not line.startswith("#")]
    assert ignored
    versions = locked()
    for advisory, release, reason in ignored:
        name, _, version = release.partition("==")
        assert versions.get(name) == version, f"{advisory} is of {release}, which is not locked"
        assert advisory in PAGE
        assert len(reason) > 20


# --- licences ----------------------------------------------------------------------------

SAME = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python"),
    *("ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0"),
}
# Read by hand, since their metadata does not say it, or says something else than their files.
BY_HAND = {
    "docutils": (
        "Public Domain, BSD and, for one Emacs mode that no wheel has, GPL",
        "Public Domain",
    ),
    "junit-xml": ("MIT, called freely distributable as well", "Permission is hereby granted"),
    "tag-expressions": ("MIT in its licence file, GPL-3.0+ in its classifier", "The MIT License"),
}


def licence(distribution: Distribution) -> str:
    """The licence that the metadata of a package declares, as an SPDX expression where it can."""
    metadata = distribution.metadata
    if "License-Expression" in metadata:
        return str(metadata["License-Expression"])
    names = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    text = str(metadata["License"]) if "License" in metadata else "not declared"
    declared = names or [text.strip().split("\n")[0]]
    return " AND ".join(sorted(SAME.get(each, each) for each in declared))


@cache
def installed() -> dict[str, Distribution]:
    return {canonicalize_name(each.name): each for each in distributions()}


def runtime() -> set[str]:
    """What is installed with finbase alone, without its extras."""
    found: set[str] = set()
    queue = [Requirement(each) for each in PROJECT["project"]["dependencies"]]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        extras = requirement.extras or {""}
        markers = [{**default_environment(), "extra": extra} for extra in extras]
        if name in found or not any(
            requirement.marker is None or requirement.marker.evaluate(each)  # type: ignore[arg-type]
            for each in markers
        ):
            continue
        found.add(name)
        queue += [
            inner
            for each in installed()[name].requires or ()
            if "extra ==" not in str((inner := Requirement(each)).marker)
        ]
    return found


def test_licences_are_allowed() -> None:
    names = set(installed()) - {"finbase"}
    declared = {name: licence(installed()[name]) for name in names - BY_HAND.keys()}
    refused = {
        name: text
        for name, text in declared.items()
        if not set(re.split(r" (?:AND|OR) |[()]+", text)) - {""} <= ALLOWED
    }
    assert refused == {}


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_licence_read_by_hand_is_unchanged(name: str) -> None:
    said, text = BY_HAND[name]
    distribution = installed()[name]
    assert not set(licence(distribution).split(" AND ")) <= ALLOWED, "no need to read it by hand"
    files = [
        each for each in distribution.files or () if re.search("LICEN|COPYING", each.name, re.I)
    ]
    texts = [Path(str(each.locate())).read_text(errors="replace") for each in files]
    assert any(text in each for each in texts), f"{name}: {said}"
    assert name in PAGE


def test_page_lists_installed_licences() -> None:
    table = PAGE.partition("| licence | packages |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, re.MULTILINE)
    listed = {name: text for text, names in rows for name in names.split(", ")}
    wanted = {
        name: BY_HAND[name][0] if name in BY_HAND else licence(installed()[name])
        for name in runtime()
    }
    assert listed == wanted


LICENCE = "Apache-2.0"
# The bytes of https://www.apache.org/licenses/LICENSE-2.0.txt.
LICENCE_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_licence_of_the_project_is_stated_alike() -> None:
    text = (ROOT / "LICENSE").read_bytes()
    assert hashlib.sha256(text).hexdigest() == LICENCE_SHA256
    assert (PROJECT["project"]["license"], PROJECT["project"]["license-files"]) == (
        LICENCE,
        ["LICENSE"],
    )
    assert licence(installed()["finbase"]) == LICENCE
    node = ROOT / "tests" / "node"
    assert json.loads((node / "package.json").read_text())["license"] == LICENCE
    packages = json.loads((node / "package-lock.json").read_text())["packages"]
    assert packages[""]["license"] == LICENCE
    readme = (ROOT / "README.md").read_text().partition("\n## Licence\n")[2]
    assert "[Apache License 2.0](LICENSE)" in readme
    assert f"[Apache License 2.0](../../LICENSE) (`{LICENCE}`)" in PAGE


# --- wheel and source archive -------------------------------------------------------------


def files_of_the_project() -> list[Path]:
    """All that git knows or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        Path(name) for name in sorted(done.stdout.split("\0")) if name and (ROOT / name).is_file()
    ]


OF_TERRAFORM = (
    "environments/staging/.terraform/modules/modules.json",
    "environments/staging/production.tfplan",
    "modules/kms/.terraform/providers/x",
    "modules/kms/1.0.0/.terraform.lock.hcl",
    "terraform.tfstate",
    "templates/modules/kms/terraform.tfstate.1.backup",
)
"""What somebody who ran Terraform has beside the project's files."""


def build(source: Path, umask: int) -> dict[str, bytes]:
    """Build both archives of a copy of the project, beside it."""
    out = source.parent / "out"
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(out)]
    subprocess.run(command, cwd=source, env=environ, umask=umask, capture_output=True, check=True)
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("built") / "finbase"
    for name in files_of_the_project():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    for left in OF_TERRAFORM:
        (source / left).parent.mkdir(parents=True, exist_ok=True)
        (source / left).touch()
    build(source, 0o022)
    return source.parent / "out"


def test_archives_of_the_source_archive_are_equal(built: Path, tmp_path: Path) -> None:
    """In another folder, with other times and modes of the files."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "é a", filter="data")
    (source,) = (tmp_path / "é a").iterdir()
    (source / "PKG-INFO").unlink()  # Hatchling writes it.
    for path in source.rglob("*"):
        path.chmod(0o750 if path.is_dir() else 0o640)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = build(source, 0o077)
    assert {path.name: path.read_bytes() for path in built.iterdir()} == again
    assert len(again) == 2


def test_wheel_contains_only_package(built: Path) -> None:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        metadata = BytesParser().parsebytes(wheel.read("finbase-0.1.0.dist-info/METADATA"))
    own = {
        str(name.relative_to("generator"))
        for name in files_of_the_project()
        if name.parts[0] == "generator"
    }
    folders = ("docs", "environments", "features", "modules", "templates")
    own.add("finbase/requirements/run.lock")
    own |= {f"finbase/{name}" for name in files_of_the_project() if name.parts[0] in folders}
    assert {name for name in names if ".dist-info/" not in name} == own
    assert own >= {
        "finbase/cli.py",
        "finbase/plan/plan_schema.json",
        "finbase/aws/regions.yaml",
    }
    assert metadata.get_all("Requires-Dist")
    required = [each for each in metadata.get_all("Requires-Dist") or [] if "extra" not in each]
    assert {canonicalize_name(Requirement(each).name) for each in required} == {
        canonicalize_name(Requirement(each).name) for each in PROJECT["project"]["dependencies"]
    }


@pytest.mark.terraform
def test_wheel_starts_a_project_in_an_empty_folder(built: Path, tmp_path: Path) -> None:
    """With the packages of this environment, but without its finbase and without a network."""
    (wheel,) = built.glob("*.whl")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-I", "-m", "pip", "--python", python, "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", wheel], check=True)
    packages = [path for path in sys.path if path.endswith("site-packages")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(packages), "FINBASE_CACHE": "0"}
    root = tmp_path / "ledger"
    root.mkdir()

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [python.with_name("finbase"), *arguments],
            cwd=root,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    command = [str(python), "-c", "import finbase; print(finbase.__file__)"]
    package = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert package.stdout.startswith(str(tmp_path / "venv"))
    run("init", "--pipeline", "github")
    run("render")
    assert "34 of 35 controls pass" in run("check")
    run("render", "--check")
    assert "nothing to do" in run("update")


def test_source_archive_equals_checkout(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        modes = {member.mode & 0o7666 for member in archive if member.isfile()}
    assert names == {"PKG-INFO", *map(str, files_of_the_project())}
    assert modes == {0o644}


def test_archives_contain_licence(built: Path) -> None:
    text = (ROOT / "LICENSE").read_bytes()
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        folder = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        assert wheel.read(folder.replace("METADATA", "licenses/LICENSE")) == text
        stated = [wheel.read(folder)]
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        contents = {
            member.name.partition("/")[2]: archive.extractfile(member) for member in archive
        }
        files = {name: file.read() for name, file in contents.items() if file}
    assert files["LICENSE"] == text
    for each in map(BytesParser().parsebytes, [*stated, files["PKG-INFO"]]):
        assert each["License-Expression"] == LICENCE
        assert each.get_all("License-File") == ["LICENSE"]
        classifiers = each.get_all("Classifier") or []
        assert not [name for name in classifiers if name.startswith("License ::")]


# --- the bill of materials ----------------------------------------------------------------


def sbom(target: Path) -> dict[str, Any]:
    assert SBOM_TOOL.is_file(), "`make build/audit/ready` installs cyclonedx-py"
    command: list[str | Path] = [SBOM_TOOL, "environment", "--pyproject", ROOT / "pyproject.toml"]
    # Its own check takes twelve seconds.
    command += ["--output-reproducible", "--no-validate", "--output-file", target, sys.executable]
    subprocess.run(command, cwd=target.parent, capture_output=True, check=True)
    document: dict[str, Any] = json.loads(target.read_bytes())
    return document


def test_bill_of_materials_is_complete_and_reproducible(tmp_path: Path) -> None:
    first = sbom(tmp_path / "first.json")
    sbom(tmp_path / "second.json")
    assert faults(first) == []
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert str(ROOT) not in (tmp_path / "first.json").read_text()
    listed = {str(canonicalize_name(c["name"])): c["version"] for c in first["components"]}
    listed.pop("pip", None)
    assert listed == locked()
    assert first["metadata"]["component"]["name"] == "finbase"
    (stated,) = first["metadata"]["component"]["licenses"]
    assert (stated.get("expression") or stated["license"]["id"]) == LICENCE
    (root,) = [each for each in first["dependencies"] if each["ref"] == "root-component"]
    direct = {canonicalize_name(each.partition("==")[0]) for each in root["dependsOn"]}
    assert direct >= {
        canonicalize_name(Requirement(each).name) for each in PROJECT["project"]["dependencies"]
    }
    assert all(each.get("licenses") for each in first["components"])


def test_audit_tools_are_separate() -> None:
    """They bring some fifty packages that nothing of finbase needs."""
    assert importlib.util.find_spec("pip_audit") is None
    assert locked("audit.lock").keys() >= {"pip-audit", "cyclonedx-bom"}
