"""Files → environments, and every way in which a file is none."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finbase import codes
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.composition import in_order
from finbase.environment.load import discover, load, load_environments
from finbase.environment.rules.index import RULES, TITLES
from finbase.errors import Diagnostic, InputError
from finbase.render.editor_schema import environment_schema, pinnable
from finbase.source.document import MOST_PROBLEMS
from finbase.source.syntax import MOST_BYTES
from tests.support.commands import ROOT

SMALL = ROOT / "tests" / "fixtures" / "small"
CORPUS = ROOT / "tests" / "corpus"
GOOD = (SMALL / "environments" / "production.yaml").read_text()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(SMALL, root)
    return root


def write(root: Path, text: str | bytes, name: str = "production") -> Path:
    path = root / "environments" / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path, root: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load(path, Registry(root), root)
    assert caught.value.diagnostics
    return caught.value


def only(error: InputError) -> tuple[str, int, int, str]:
    (diagnostic,) = error.diagnostics
    return diagnostic.path, diagnostic.line, diagnostic.column, diagnostic.code


def snapshot(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_load_good_file(project: Path) -> None:
    path = project / "environments" / "production.yaml"
    environment = load(path, Registry(project), project)
    assert environment.path == Path("environments/production.yaml")
    assert environment.name == "production"
    assert environment.stack_name == "ledger-production"
    assert environment.region == "eu-west-1"
    assert environment.account_id == "111122223333"
    assert environment.tags["cost_centre"] == "CC-4711"
    assert environment.state["bucket"] == "ledger-production-state"
    assert [(use.name, str(use.version)) for use in environment.modules] == [
        ("kms", "1.0.0"),
        ("network", "1.0.0"),
        ("database", "2.0.0"),
        ("replica", "1.0.0"),
    ]
    database, replica = environment.modules[2:]
    (primary,) = database.instances
    assert primary.key == ""
    assert primary.inputs["allocated_storage"] == 400
    assert "version" not in primary.inputs
    assert "port" not in primary.inputs
    assert database.value(primary, "port") == 5432
    assert database.value(primary, "no_such_input") is None
    assert [(one.key, one.inputs) for one in replica.instances] == [
        ("reporting", {"instance_class": "db.r7g.large"})
    ]
    where = replica.where(replica.instances[0], "instance_class")
    assert environment.document.position(where) == (31, 35)


def test_load_checks_section_by_its_version(project: Path) -> None:
    first = GOOD[: GOOD.index("  database:")] + (
        '  database:\n    version: 1.0.0\n    engine_version: "9.6"\n    storage: 20\n'
    )
    environment = load(write(project, first), Registry(project), project)
    use = environment.module("database")
    assert use is not None
    assert use.version == Version(1, 0, 0)
    assert use.contract.path == project / "modules/database/1.0.0/contract.yaml"


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("    instances:\n      reporting: {instance_class: db.r7g.large}\n", "")
        + "    instances: {}\n",
        GOOD[: GOOD.index("  replica:")],
        GOOD + "  cache:\n    version: 1.0.0\n  alarms:\n    version: 1.0.0\n",
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("tags:\n", "tags:\n  team: payments, ledger\n".replace(",", " +")),
        GOOD.replace("alias/terraform-state", "1234abcd-12ab-34cd-56ef-1234567890ab"),
        GOOD.replace(
            "alias/terraform-state", "arn:aws:kms:eu-west-1:111122223333:alias/terraform-state"
        ),
    ],
)
def test_load_other_good_files(project: Path, text: str) -> None:
    load(write(project, text), Registry(project), project)


@pytest.mark.parametrize("instances", ["5", "true", "text", "[a]"])
def test_load_refuses_instances_without_names(project: Path, instances: str) -> None:
    text = GOOD.replace(
        "    instances:\n      reporting: {instance_class: db.r7g.large}\n",
        f"    instances: {instances}\n",
    )
    assert only(refused(write(project, text), project))[3] == "FB131"


def test_load_orders_modules(project: Path) -> None:
    head, sections = GOOD.split("modules:\n")
    sections += "  cache:\n    version: 1.0.0\n  alarms:\n    version: 1.0.0\n"
    backwards = "".join(reversed(re.split(r"^(?=  \w)", sections, flags=re.M)))
    text = f"{head}modules:\n{backwards}"
    assert text.index("alarms:") < text.index("kms:")
    environment = load(write(project, text), Registry(project), project)
    assert [use.name for use in environment.modules] == [
        *("cache", "kms", "network", "database", "replica", "alarms")
    ]


@settings(deadline=None)
@given(st.permutations("abcdef"), st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))))
def test_in_order(names: list[str], edges: set[tuple[int, int]]) -> None:
    needs = {name: {names[a] for a, b in edges if b == i and a < b} for i, name in enumerate(names)}
    base = Registry(SMALL).current("kms")
    (wire,) = base.wiring
    contracts = {
        name: replace(base, wiring=tuple(replace(wire, source=f"{n}.x") for n in sorted(of)))
        for name, of in needs.items()
    }
    expected: list[str] = []
    while len(expected) < len(names):
        done = set(expected)
        expected.append(min(name for name in needs.keys() - done if needs[name] <= done))
    assert in_order(contracts) == (expected, [])


def test_load_refuses_cycle(project: Path) -> None:
    contract = project / "templates/modules/kms/contract.yaml"
    contract.write_text(
        contract.read_text().replace("from: environment.account_id", "from: network.vpc_id")
    )
    error = refused(project / "environments/production.yaml", project)
    assert only(error) == ("environments/production.yaml", 12, 1, codes.CYCLE)
    assert "database, kms, network, replica" in str(error)


@pytest.mark.parametrize(
    ("module", "output", "message"),
    [
        ("replica_reporting", "", "`replica` and `replica_reporting` would both have the module"),
        ("kms_key", "arn", "`kms` and `kms_key` would both have the output kms_key_arn"),
        ("kms_key", "id", ""),
        ("replica_other", "", ""),
    ],
)
def test_load_refuses_name_of_another_module(
    project: Path, module: str, output: str, message: str
) -> None:
    kms = project / "templates/modules/kms/contract.yaml"
    kms.write_text(kms.read_text() + "    export: true\n")
    folder = project / "templates/modules" / module
    folder.mkdir()
    text = kms.read_text().replace("name: kms", f"name: {module}\nmultiplicity: optional")
    text = text.replace("  key_arn:", f"  {output or 'key_arn'}:")
    (folder / "contract.yaml").write_text(text)
    path = write(project, f"{GOOD.rstrip()}\n  {module}:\n    version: 1.0.0\n")
    if not message:
        load(path, Registry(project), project)
        return
    error = refused(path, project)
    assert only(error)[3] == codes.KEY_FORM
    assert message in str(error)


def test_discover(project: Path) -> None:
    for name in ("staging.yaml", "a.yaml", "notes.txt", "old.yml"):
        (project / "environments" / name).touch()
    (project / "environments" / "production").mkdir()
    assert [path.stem for path in discover(project)] == ["a", "production", "staging"]
    assert discover(project / "nowhere") == ()


def test_load_missing_file(project: Path) -> None:
    write(project, GOOD, "staging")
    error = refused(project / "environments" / "producton.yaml", project)
    assert only(error) == ("environments/producton.yaml", 1, 1, codes.MISSING_FILE)
    assert "did you mean `production`? environments/ contains production, staging" in str(error)


def test_load_missing_folder(tmp_path: Path) -> None:
    error = refused(tmp_path / "environments" / "production.yaml", tmp_path)
    assert only(error)[3] == codes.MISSING_FILE


@pytest.mark.parametrize(
    "name", ["Production", "p", "1st", "a_b", "a--b", "a-", "-a", "a" * 32, "é", "a b", "a.b"]
)
def test_load_refuses_file_names(project: Path, name: str) -> None:
    error = refused(write(project, GOOD, name), project)
    assert only(error) == (f"environments/{name}.yaml", 1, 1, codes.FILE_NAME)


def test_load_escapes_file_name(project: Path) -> None:
    path = write(project, GOOD, "a\x1b[31m\udcff")
    assert str(refused(path, project)).splitlines()[0].isprintable()


@pytest.mark.parametrize("name", ["qa", "a" * 31, "eu-2"])
def test_load_accepts_file_names(project: Path, name: str) -> None:
    text = GOOD.replace("environment: production", f"environment: {name}")
    text = text.replace("project: ledger", "project: l2")
    assert load(write(project, text, name), Registry(project), project).name == name


def test_load_refuses_other_suffix(project: Path) -> None:
    path = project / "environments" / "production.yaml"
    other = path.rename(path.with_suffix(".yml"))
    assert only(refused(other, project))[3] == codes.FILE_NAME


@pytest.mark.parametrize("name", ["qa.yml", "qa.YAML", "qa.Yml"])
def test_load_environments_refuses_other_suffix(project: Path, name: str) -> None:
    (project / "environments" / name).write_text(GOOD.replace("production", "qa"))
    registry = Registry(project)
    with pytest.raises(InputError) as refusal:
        load_environments(project, registry, ())
    assert only(refusal.value) == (f"environments/{name}", 1, 1, codes.FILE_NAME)
    assert "rename it to qa.yaml" in str(refusal.value)
    with pytest.raises(InputError) as refusal:
        load_environments(project, registry, ["qa"])
    assert f"rename environments/{name} to qa.yaml" in str(refusal.value)


def test_load_refuses_inside_link(project: Path) -> None:
    """A review of environments/, its owners and `finbase affected` would not see a change."""
    path = project / "environments" / "production.yaml"
    path.rename(project / "shared.yaml")
    path.symlink_to("../shared.yaml")
    error = refused(path, project)
    assert only(error) == ("environments/production.yaml", 1, 1, codes.UNREADABLE)
    assert "the file is a symbolic link" in str(error)


def test_load_refuses_linked_folder(project: Path) -> None:
    (project / "environments").rename(project / "elsewhere")
    (project / "environments").symlink_to("elsewhere")
    error = refused(project / "environments" / "production.yaml", project)
    assert "is a symbolic link" in str(error)


def test_load_linked_project(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.symlink_to(project)
    load(linked / "environments" / "production.yaml", Registry(linked), linked)


def test_load_refuses_unreadable_files(project: Path) -> None:
    folder = project / "environments"
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "dangling.yaml").symlink_to("nothing.yaml")
    (folder / "folder.yaml").mkdir()
    os.mkfifo(folder / "pipe.yaml")
    expected = {
        "loop": codes.UNREADABLE,
        "dangling": codes.MISSING_FILE,
        "folder": codes.UNREADABLE,
        "pipe": codes.UNREADABLE,
        "n" * 300: codes.UNREADABLE,
    }
    found = {name: only(refused(folder / f"{name}.yaml", project))[3] for name in expected}
    assert found == expected


def test_load_stops_at_large_file(project: Path) -> None:
    path = write(project, GOOD)
    with path.open("r+b") as file:
        file.truncate(MOST_BYTES * 4096)
    assert only(refused(path, project))[3] == codes.TOO_LARGE


def test_load_shows_relative_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, "")
    monkeypatch.chdir(project / "environments")
    for path in (Path("production.yaml"), project / "environments/../environments/production.yaml"):
        assert only(refused(path, project))[0] == "environments/production.yaml"


def test_load_bounds_problems(project: Path) -> None:
    path = write(project, GOOD + "".join(f"key{n}: 1\n" for n in range(380)))
    error = refused(path, project)
    assert len(error.diagnostics) == MOST_PROBLEMS + 1
    assert error.diagnostics[-1].code == codes.TOO_MANY


@pytest.mark.parametrize(
    ("name", "project_name", "account", "same"),
    [
        ("qa", "ledger-eu", "111122223333", True),
        ("qa", "ledger-eu", "222233334444", False),
        ("qa", "ledger-us", "111122223333", False),
    ],
)
def test_load_refuses_two_stacks_of_one_name(
    project: Path, name: str, project_name: str, account: str, same: bool
) -> None:
    (project / "environments" / "production.yaml").unlink()
    for each in (
        {"environment": "eu-qa", "project": "ledger", "account_id": "111122223333"},
        {"environment": name, "project": project_name, "account_id": account},
    ):
        text = GOOD
        for key, value in each.items():
            text = re.sub(rf"^{key}: .*$", f'{key}: "{value}"', text, flags=re.MULTILINE)
        (project / "environments" / f"{each['environment']}.yaml").write_text(text)
    registry = Registry(project)
    if not same:
        assert len(load_environments(project, registry, ())) == 2
        return
    with pytest.raises(InputError) as caught:
        load_environments(project, registry, ())
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.path, diagnostic.code) == ("environments/qa.yaml", codes.SAME_STACK)
    assert diagnostic.message == "the name ledger-eu-qa is one of eu-qa, too"


# The corpus: files that are wrong, each with what is found in it.


def corpus(suffix: str) -> list[str]:
    return sorted(path.stem for path in CORPUS.glob(f"*.{suffix}"))


@pytest.mark.parametrize("name", corpus("yaml"))
def test_load_bad_file(project: Path, name: str) -> None:
    path = write(project, (CORPUS / f"{name}.yaml").read_bytes())
    before = snapshot(project)
    error = refused(path, project)
    found = [f"{d.line}:{d.column} {d.code}" for d in error.diagnostics]
    assert found == (CORPUS / f"{name}.expected").read_text().splitlines()
    assert all(d.hint for d in error.diagnostics), "it must say what to do"
    assert {d.path for d in error.diagnostics} == {"environments/production.yaml"}
    assert snapshot(project) == before


@pytest.mark.parametrize("name", corpus("rendered"))
def test_load_bad_file_message(project: Path, name: str) -> None:
    path = write(project, (CORPUS / f"{name}.yaml").read_bytes())
    assert f"{refused(path, project)}\n" == (CORPUS / f"{name}.rendered").read_text()


def test_corpus_is_complete() -> None:
    assert len(corpus("yaml")) >= 140
    assert corpus("expected") == corpus("yaml")
    assert len(corpus("rendered")) >= 12
    assert set(corpus("rendered")) <= set(corpus("yaml"))


def test_corpus_covers_every_code() -> None:
    known = {
        line.split()[1]
        for path in CORPUS.glob("*.expected")
        for line in path.read_text().splitlines()
    }
    # These are about the file itself or its size, or the rest of the project; tested elsewhere.
    alone = {
        *(codes.TOO_LARGE, codes.MISSING_FILE, codes.UNREADABLE, codes.OUTSIDE),
        *(codes.FILE_NAME, codes.TOO_MANY, codes.CYCLE, codes.NOT_KNOWN_DATA),
        *(codes.CONTRACT, codes.LOCK),
        # These compare two versions of a file; tests/upgrade/test_since.py tests them.
        *(codes.SMALLER_STORAGE, codes.OTHER_VERSION, codes.NO_IOPS, codes.REPLICAS_STAY_SMALL),
        *(codes.SEVERAL_SETTINGS, codes.NO_RESET),
        # The small modules lack the inputs of these.
        *("FB211", "FB212", "FB213", "FB214", "FB215", "FB216", "FB217", "FB218"),
        "FB220",
        *("FB247", "FB248"),
        *("FB219", "FB236", codes.SAME_PLACE),
        *("FB125", "FB208", "FB209", "FB210", "FB230", "FB231", "FB233", "FB234", "FB246"),
        *("FB251", "FB252", "FB253", "FB254", "FB255", "FB256"),
        *("FB271", "FB272", "FB273", "FB274", "FB275", "FB276", "FB277", "FB278", "FB279", "FB280"),
        "FB281",
        *(rule.code for rule in RULES if rule.note),
    }
    assert known | alone == TITLES.keys()
    assert not known & alone


def test_load_hides_sensitive_value(project: Path) -> None:
    for value in ("hunter2", "[hunter2]", "{hunter2: hunter2}", "77773333", "true"):
        text = GOOD.replace("    username", f"    initial_token: {value}\n    username")
        error = refused(write(project, text), project)
        assert value not in str(error)
        assert "hunter2" not in str(error)


def test_load_points_at_cause(project: Path) -> None:
    text = (CORPUS / "many-at-once.yaml").read_text()
    lines = text.splitlines()
    error = refused(write(project, text), project)
    at = [lines[d.line - 1][d.column - 1 :].split(",")[0] for d in error.diagnostics]
    assert at == [
        "Ledger",
        "111122223333",
        "tags:",
        "owner: someone-else",
        "flow_log: no",
        "eu-west-2b: {public_cidr: 10.20.1.0/24",
        "10.20.8.0/24}",
        "017",
        "lots",
        "backup_window: 01:00-02:00",
    ]


# Whatever a file holds.


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("scratch") / "project"
    shutil.copytree(SMALL, root)
    return root


def survives(root: Path, data: bytes) -> None:
    path = write(root, data)
    found: tuple[Diagnostic, ...] = ()
    try:
        load(path, Registry(root), root)
    except InputError as error:
        found = error.diagnostics or pytest.fail("an error that says nothing")
    assert len(found) <= MOST_PROBLEMS + 1
    for diagnostic in found:
        assert diagnostic.code in TITLES
        assert diagnostic.line >= 1
        assert diagnostic.column >= 1
        assert diagnostic.message.isprintable()
        assert (diagnostic.hint or "").isprintable()


@settings(deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace")))
def test_load_any_bytes(scratch: Path, data: bytes) -> None:
    survives(scratch, data)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(GOOD)),
    st.integers(0, 60),
    st.text("ab:-[]{}&*!|>'\"%@`#?, \n\t~<019\x00é", max_size=8),
)
@example(0, 0, "!\n")
@example(GOOD.index("0.20.1.0/24"), 0, "\t")
def test_load_any_missing_part(scratch: Path, start: int, length: int, text: str) -> None:
    survives(scratch, (GOOD[:start] + text + GOOD[start + length :]).encode())


LINES = GOOD.splitlines(keepends=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=40))
def test_load_any_line_order(scratch: Path, lines: list[str]) -> None:
    survives(scratch, "".join(lines).encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.integers(0, len(LINES) - 1), values)
def test_load_any_value(scratch: Path, line: int, value: object) -> None:
    key = LINES[line].partition(":")[0]
    lines = [*LINES[:line], f"{key}: {json.dumps(value)}\n", *LINES[line + 1 :]]
    survives(scratch, "".join(lines).encode("utf-8", "surrogatepass"))


# The environments of this project.


@pytest.mark.parametrize("path", discover(ROOT), ids=lambda path: path.stem)
def test_load_own_environment(path: Path) -> None:
    registry = Registry(ROOT)
    environment = load(path, registry, ROOT)
    assert environment.name == path.stem
    assert environment.modules[0].name == "kms"
    schema = environment_schema(pinnable(registry))
    assert jsonschema_rs.Draft7Validator(schema).is_valid(environment.document.value)


def test_own_environments_exist() -> None:
    assert {path.stem for path in discover(ROOT)} >= {"development", "production", "staging"}
