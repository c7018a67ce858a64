"""Adding a region, as ca/README.md says: from a note about it to roots in the function's zip."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.rules.index import breaches
from finbase.errors import Diagnostic
from finbase.render.module import render_module

REGION = "sa-east-1"
ENVIRONMENT = "development"


def noted(project: Path) -> list[Diagnostic]:
    """What is told of the module, about the region that its roots are missing for."""
    path = project / "environments" / f"{ENVIRONMENT}.yaml"
    environment = load(path, Registry(project), project)
    moved = replace(environment, region=REGION)
    told = [found for found in breaches(moved) if found.code == "FB302"]
    return [found for found in told if found.message.startswith("secret ")]


def roots_in_zip(project: Path) -> set[str]:
    contract = Registry(project).current("secret")
    files = render_module(contract, project / "templates")
    home = PurePosixPath(f"modules/secret/{contract.version}")
    with zipfile.ZipFile(io.BytesIO(files[home / "rotation.zip"])) as archive:
        shipped = {name for name in archive.namelist() if name.endswith(".pem")}
        for name in shipped:
            assert archive.read(name) == files[home / "rotation" / name]
    return shipped


def set_version(project: Path, version: str) -> None:
    """Raise the module's version, and pin it."""
    contract = project / "templates" / "modules" / "secret" / "contract.yaml"
    text, count = re.subn(r"(?m)^version: .*$", f"version: {version}", contract.read_text())
    assert count == 1
    contract.write_text(text)
    stack = project / "environments" / f"{ENVIRONMENT}.yaml"
    pattern = r"(?m)^(  secret:\n(?:    .*\n)*?    version: ).*$"
    text, count = re.subn(pattern, rf"\g<1>{version}", stack.read_text())
    assert count == 1
    stack.write_text(text)


def test_region_added_by_release(project: Path) -> None:
    set_version(project, "99.0.0")
    (told,) = noted(project)
    assert told.note
    assert f"secret 99.0.0 has no CA roots for {REGION}; the plan will fail" in told.message
    assert told.hint == "add them as described in rotation/ca/README.md of the module"
    before = roots_in_zip(project)

    folder = project / "templates" / "modules" / "secret" / "rotation" / "ca"
    pem = (folder / "eu-west-1.pem").read_text().replace("eu-west-1", REGION)
    (folder / f"{REGION}.pem").write_text(pem)

    assert noted(project) == []
    assert roots_in_zip(project) - before == {f"ca/{REGION}.pem"}
