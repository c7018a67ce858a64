"""A project of its own: `finbase init`, and `finbase update` from one version to the next."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from finbase.contract.lock import Lock
from finbase.contract.version import Version
from finbase.project import checksums
from finbase.scaffold import shipment
from finbase.scaffold.shipment import Record, Shipment
from finbase.system.packages import Wheel
from tests.support.commands import ROOT, finbase

NEXT = Version(99, 0, 0)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A folder after `finbase init`."""
    root = tmp_path / "ledger"
    root.mkdir()
    done = finbase(root, "init")
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture
def newer(started: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folders of a newer finbase: a release of cache, and three other files."""
    assert (started / "finbase.lock").is_file()
    folder = tmp_path / "newer"
    for name in ("templates", "features", "modules", "requirements"):
        ignore = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    old = Lock.load(ROOT).released("cache")[-1]
    module = folder / "modules" / "cache"
    shutil.copytree(module / str(old), module / str(NEXT))
    (module / str(NEXT) / "main.tf").write_text("# Another one.\n")
    files = [path for path in (module / str(NEXT)).rglob("*") if path.is_file()]
    digests = {
        path.relative_to(module / str(NEXT)).as_posix(): checksums.digest(path.read_bytes())
        for path in files
    }
    lock = Lock.load(ROOT).with_release("cache", NEXT, checksums.tree_hash(digests))
    (folder / "modules" / "releases.lock").write_text(lock.text())
    log = module / "CHANGELOG.md"
    log.write_text(
        log.read_text().replace("\n\n", f"\n\n## {NEXT} (major, today)\n\nBetter.\n\n", 1)
    )
    with (folder / "features" / "cache.feature").open("a") as feature:
        feature.write("\n  # Newer.\n")
    (folder / "features" / "newer.feature").write_text("Feature: Newer\n")
    with (folder / "requirements" / "run.lock").open("a") as packages:
        packages.write("# Newer.\n")
    (folder / "templates" / "module" / "README.md.j2").unlink()
    monkeypatch.setattr(shipment, "shipped", lambda name: folder / name)
    monkeypatch.setattr(shipment, "version", lambda _: "0.2.0")
    return folder


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_init_renders_and_is_of_this_version(started: Path) -> None:
    done = finbase(started, "render")
    assert done.exit_code == 0, done.output
    assert "note" not in done.output
    assert finbase(started, "render", "--check").exit_code == 0
    assert finbase(started, "outdated").exit_code == 0
    nothing = finbase(started, "update", "--write")
    assert (nothing.exit_code, "nothing to do" in nothing.output) == (0, True)
    assert Record.load(started) == Record.of(Shipment())
    assert f"finbase=={Shipment().version}\n" in (started / "requirements.txt").read_text()


def test_init_ignores_private_keys_and_bundles(started: Path) -> None:
    """`git add --all` after the commands of the page about evidence commits neither."""
    subprocess.run(["git", "init", "-q"], cwd=started, check=True)
    command = ["git", "check-ignore", "key.pem", "may.zip", "environments/development.yaml"]
    done = subprocess.run(command, cwd=started, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["key.pem", "may.zip"]


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_init_passes_its_checks(started: Path) -> None:
    assert finbase(started, "render").exit_code == 0
    done = finbase(started, "check", "--no-cache")
    assert done.exit_code == 0, done.output
    assert "34 of 35 controls pass" in done.output


def test_init_installs_packages_by_hash(started: Path) -> None:
    assert (started / "requirements.lock").read_bytes() == (
        ROOT / "requirements" / "run.lock"
    ).read_bytes()
    commands = subprocess.run(
        ["make", "--dry-run", ".venv/ready"],
        cwd=started,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installed = re.findall(r"pip install .*", commands)
    assert [("--require-hashes" in each, each.split()[-1]) for each in installed] == [
        (True, ".venv/setuptools.lock"),
        (True, "requirements.lock"),
        (True, "requirements.txt"),
    ]
    (started / ".venv").mkdir()
    (cut,) = re.findall(r"awk .*setuptools.lock", commands)
    subprocess.run(["sh", "-c", cut], cwd=started, check=True)
    first, *hashes = (started / ".venv" / "setuptools.lock").read_text().splitlines()
    assert re.fullmatch(r"setuptools==[\d.]+ \\", first)
    assert hashes
    assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", each) for each in hashes)


def wheel_of(number: str) -> Wheel:
    content = f"finbase {number}".encode()
    name = f"finbase-{number}-py3-none-any.whl"
    return Wheel(name, checksums.digest(content), content)


def test_init_and_update_pin_the_wheel(
    tmp_path: Path, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "pinned"
    root.mkdir()
    wheels = {number: wheel_of(number) for number in ("0.2.0", "0.3.0")}
    monkeypatch.setattr(shipment, "wheel", lambda _: wheels["0.2.0"])
    done = finbase(root, "init")
    assert (done.exit_code, "note" in done.output) == (0, False)
    monkeypatch.setattr(shipment, "version", lambda _: "0.3.0")
    monkeypatch.setattr(shipment, "wheel", lambda _: wheels["0.3.0"])
    first = contents(root)
    with (newer / "features" / "newer.feature").open("a") as feature:
        feature.write("  # Another line.\n")
    shown = finbase(root, "update", "--diff").output
    assert "+++ b/features/newer.feature\tfinbase 0.3.0" in shown
    assert "\n+  # Another line." in shown
    assert f"\n-finbase==0.2.0 --hash=sha256:{wheels['0.2.0'].sha256}\n" in shown
    assert "Binary" not in shown
    assert finbase(root, "update", "--write").exit_code == 0
    for number, files in (("0.2.0", first), ("0.3.0", contents(root))):
        pin = f"\nfinbase=={number} --hash=sha256:{wheels[number].sha256}\n"
        assert pin in files["requirements.txt"].decode()
        found = {name: content for name, content in files.items() if name.startswith("wheels/")}
        assert found == {f"wheels/{wheels[number].name}": wheels[number].content}


@pytest.mark.usefixtures("newer")
def test_pin_without_a_wheel_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipment, "wheel", lambda _: None)
    (root := tmp_path / "unpinned").mkdir()
    assert "requirements.txt has no hash of finbase" in finbase(root, "init").output
    assert not (root / "wheels").exists()
    monkeypatch.setattr(shipment, "version", lambda _: "0.3.0")
    done = finbase(root, "update", "--write")
    assert "requirements.txt has no hash of finbase" in done.output


@pytest.mark.usefixtures("newer")
def test_pin_of_a_wheel_that_is_gone_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the file, pip would look for the hash in an index, which need not have it."""
    gone = {number: replace(wheel_of(number), content=None) for number in ("0.2.0", "0.3.0")}
    monkeypatch.setattr(shipment, "wheel", lambda _: gone["0.2.0"])
    (root := tmp_path / "gone").mkdir()
    done = finbase(root, "init")
    assert done.exit_code == 0
    assert "put finbase-0.2.0-py3-none-any.whl into wheels/" in done.output
    monkeypatch.setattr(shipment, "version", lambda _: "0.3.0")
    monkeypatch.setattr(shipment, "wheel", lambda _: gone["0.3.0"])
    (root / "wheels").mkdir()
    (root / "wheels" / gone["0.3.0"].name).write_bytes(wheel_of("0.3.0").content or b"")
    assert "into wheels/" not in finbase(root, "update", "--write").output
    (root / "wheels" / gone["0.3.0"].name).unlink()
    (root / "requirements.txt").write_text("finbase==0.2.0 --hash=sha256:a\n")
    done = finbase(root, "update", "--write")
    assert "put finbase-0.3.0-py3-none-any.whl into wheels/" in done.output


@pytest.mark.parametrize(
    "name", ["Makefile", "modules", "environments", "features", "finbase.lock", "CODEOWNERS"]
)
def test_init_overwrites_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    done = finbase(tmp_path, "init")
    assert done.exit_code == 2
    assert f"{name} already exists" in done.output
    assert contents(tmp_path) == {name: b"mine"}


# As GitHub proposes it for a repository in Python.
IGNORE = "__pycache__/\nwheels/\n*.egg-info/"


def test_init_appends_to_the_gitignore_of_a_new_repository(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / ".gitignore").write_text(IGNORE)
    for name in ("new", "old"):
        done = finbase(tmp_path / name, "init")
        assert done.exit_code == 0, done.output
    lines = (tmp_path / "new" / ".gitignore").read_text()
    assert (tmp_path / "old" / ".gitignore").read_text() == f"{IGNORE}\n\n{lines}"
    subprocess.run(["git", "init", "-q"], cwd=tmp_path / "old", check=True)
    command = ["git", "check-ignore", "key.pem", "wheels/finbase-1-py3-none-any.whl"]
    ignored = subprocess.run(command, cwd=tmp_path / "old", capture_output=True, text=True).stdout
    assert ignored.split() == ["key.pem"]


def test_init_inside_of_another_project_says_so(started: Path) -> None:
    done = finbase(started / "second", "init")
    assert (done.exit_code, f"is inside of {started}" in done.output) == (0, True)


def test_init_creates_the_folder_of_the_project(tmp_path: Path) -> None:
    root = tmp_path / "new" / "ledger"
    assert finbase(root, "render").exit_code == 2
    assert not root.parent.exists()
    assert finbase(root, "init").exit_code == 0
    assert (root / "finbase.lock").is_file()


def test_no_target_promises_what_the_pinned_version_cannot_do(tmp_path: Path) -> None:
    """make runs the version that the project pins, which has no newer one to show."""
    assert finbase(tmp_path, "init").exit_code == 0
    assert "update" not in (tmp_path / "Makefile").read_text()


def test_files_that_only_the_root_of_a_repository_can_have(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "infra" / "ledger"
    done = finbase(root, "init", "--pipeline", "gitlab")
    assert done.exit_code == 0
    assert "this project is in infra/ledger of its repository" in done.output
    assert "root of the repository: CODEOWNERS, renovate.json;" in done.output
    assert "written: ../../.gitlab-ci.yml" in done.output
    assert "cd infra/ledger" in (tmp_path / ".gitlab-ci.yml").read_text()
    assert not (root / ".gitlab-ci.yml").exists()
    again = finbase(root, "new", "pipeline", "gitlab")
    assert again.exit_code == 2
    assert ".gitlab-ci.yml already exists" in again.output
    assert "^infra/ledger/environments/" in (root / "renovate.json").read_text()
    (tmp_path / "of-its-own" / ".git").mkdir(parents=True)
    assert "note" not in finbase(tmp_path / "of-its-own", "init").output


def test_init_writes_a_pipeline_on_request(tmp_path: Path) -> None:
    done = finbase(tmp_path, "init", "--pipeline", "gitlab")
    assert done.exit_code == 0, done.output
    assert "development" in (tmp_path / ".gitlab-ci.yml").read_text()


@pytest.mark.usefixtures("newer")
def test_update_brings_the_new_and_keeps_the_own(started: Path) -> None:
    assert finbase(started, "new", "module", "exports").exit_code == 0
    assert finbase(started, "new", "control", "LEDGER-1", "--step").exit_code == 0
    own = started / "features" / "own.feature"
    own.write_text("Feature: Own\n")
    environment = started / "environments" / "development.yaml"
    environment.write_text(environment.read_text().replace("CC-1000", "CC-4711"))
    before = contents(started)

    shown = finbase(started, "update")
    assert shown.exit_code == 0, shown.output
    assert "finbase 0.1.0 -> 0.2.0" in shown.output
    assert f"new: modules/cache/{NEXT}\n    Better.\n" in shown.output
    assert "features/cache.feature: 0 new, 1 changed, 0 removed" in shown.output
    assert "features/newer.feature: 1 new" in shown.output
    assert "requirements.lock: other versions" in shown.output
    assert "templates/module: 0 new, 0 changed, 1 removed" in shown.output
    assert contents(started) == before

    done = finbase(started, "update", "--write")
    assert done.exit_code == 0, done.output
    after = contents(started)
    changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    release = {name for name in changed if name.startswith(f"modules/cache/{NEXT}/")}
    assert changed - release == {
        *("features/cache.feature", "features/newer.feature", "templates/module/README.md.j2"),
        *("finbase.lock", "modules/releases.lock", "modules/cache/CHANGELOG.md"),
        *("requirements.txt", "requirements.lock"),
    }
    assert after[f"modules/cache/{NEXT}/main.tf"] == b"# Another one.\n"
    assert "finbase==0.2.0\n" in after["requirements.txt"].decode()
    assert "nothing to do" in finbase(started, "update").output


@pytest.mark.parametrize(
    "name", ["features/cache.feature", "requirements.lock", "templates/stack/main.tf.j2"]
)
@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.usefixtures("newer")
def test_update_refuses_edited_files(started: Path, name: str, deleted: bool) -> None:
    if deleted:
        (started / name).unlink()
    else:
        with (started / name).open("a") as file:
            file.write("# Edited.\n")
    before = contents(started)
    done = finbase(started, "update", "--write")
    assert done.exit_code == 1
    assert f"edited:\n  {name}\n" in done.output
    assert contents(started) == before


@pytest.mark.parametrize("both", [True, False])
def test_update_keeps_a_provider_that_the_project_pinned(
    started: Path, newer: Path, both: bool
) -> None:
    """`finbase provider pin` writes both files; one of them alone was edited by hand."""
    for folder, version in ((newer, "5.101.0"), (started, "5.99.1")):
        for name in ("stack.yaml", "provider.yaml")[: 2 if both or folder == newer else 1]:
            file = folder / "templates" / "stack" / name
            file.write_text(file.read_text().replace("5.100.0", version))
    before = (started / "templates" / "stack" / "stack.yaml").read_bytes()
    done = finbase(started, "update", "--write")
    assert done.exit_code == (0 if both else 1), done.output
    assert ("stack.yaml: kept, because it pins a provider" in done.output) == both
    assert (started / "templates" / "stack" / "stack.yaml").read_bytes() == before
    if both:
        again = finbase(started, "update", "--write")
        assert (again.exit_code, "nothing to do" in again.output) == (0, True)
        assert (started / "templates" / "stack" / "stack.yaml").read_bytes() == before


@pytest.mark.usefixtures("newer")
def test_update_refuses_to_overwrite_a_new_file(started: Path) -> None:
    (started / "features" / "newer.feature").write_text("Feature: Mine\n")
    done = finbase(started, "update", "--write")
    assert (done.exit_code, "  features/newer.feature\n" in done.output) == (1, True)


@pytest.mark.usefixtures("newer")
def test_update_refuses_another_release_of_the_same_version(started: Path) -> None:
    lock = Lock.load(started).with_release("cache", NEXT, f"h1:{'A' * 43}=")
    (started / "modules" / "releases.lock").write_text(lock.text())
    done = finbase(started, "update", "--write")
    assert done.exit_code == 2
    assert f"cache {NEXT} of this project is not that of finbase" in done.output


def test_update_refuses_a_damaged_installation(started: Path, newer: Path) -> None:
    (newer / "modules" / "cache" / str(NEXT) / "main.tf").write_text("# Tampered.\n")
    done = finbase(started, "update", "--write")
    assert done.exit_code == 2
    assert f"cache {NEXT} of the installed finbase is damaged" in done.output


def test_update_refuses_an_older_finbase(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipment, "version", lambda _: "0.0.9")
    done = finbase(started, "update")
    assert (done.exit_code, "newer than 0.0.9" in done.output) == (2, True)


@pytest.mark.usefixtures("newer")
def test_update_deletes_only_files_of_finbase(started: Path) -> None:
    """A record that somebody edited must not delete other files."""
    environment = started / "environments" / "development.yaml"
    digest = checksums.digest(environment.read_bytes())
    with (started / "finbase.lock").open("a") as record:
        record.write(f"{digest}  environments/development.yaml\n")
    assert finbase(started, "update", "--write").exit_code == 0
    assert environment.is_file()


def test_release_of_a_module_of_finbase_is_refused(started: Path) -> None:
    """Otherwise the next update would find another release of that version, and stop for good."""
    template = started / "templates" / "modules" / "cache" / "main.tf.j2"
    template.write_text(template.read_text() + "# Mine.\n")
    before = contents(started)
    done = finbase(started, "release", "cache", "patch", "-m", "Ours.")
    assert done.exit_code == 2
    assert "cache is a module of finbase" in done.output
    assert "copy templates/modules/cache to another name" in " ".join(done.output.split())
    assert contents(started) == before


def test_update_needs_a_record(project: Path) -> None:
    done = finbase(project, "update")
    assert done.exit_code == 2
    assert "has no valid finbase.lock" in done.output


def test_check_names_the_update_for_older_controls(started: Path) -> None:
    (started / "features" / "cache.feature").write_text("Feature: Old\n")
    done = finbase(started, "check")
    assert done.exit_code == 1
    assert "run `finbase update` if finbase is newer" in done.output


def test_update_believes_no_forged_record(started: Path) -> None:
    """The author of a pull request can write any line into finbase.lock."""
    own = started / "features" / "own" / "mine.feature"
    own.parent.mkdir(exist_ok=True)
    own.write_text("Feature: Mine\n")
    record = started / "finbase.lock"
    text = record.read_text()
    digest = checksums.digest(own.read_bytes())
    forged = f"{text}{digest}  features/own/mine.feature\n{digest}  templates/a\0b\n"
    record.write_text(forged.replace("version ", f"version 0.0.{'9' * 5000}\n# ", 1))
    done = finbase(started, "update", "--write")
    assert done.exit_code == 0, done.output
    assert own.read_text() == "Feature: Mine\n"
