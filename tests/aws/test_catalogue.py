"""What AWS has today, as far as it is known: noted where it is not, never refused."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from finbase.aws import windows
from finbase.aws.catalogue import SUBJECTS, AwsCatalogue
from finbase.aws.parameters import is_guarded, is_static, is_type, wrong
from finbase.contract.registry import Registry
from finbase.environment.load import load, load_environments
from finbase.environment.rules.index import RULES
from finbase.environment.rules.rule import Change, Rule
from finbase.errors import InputError
from tests.support.commands import ROOT
from tests.support.sample import SAMPLE, changed, write

EXTENSIONS = ("pg_prewarm.autoprewarm", "pg_stat_statements.max")
"""Static parameters with a dot; the module lets all of those wait for a reboot."""
REGISTRY = Registry(ROOT)
NOTES = [rule for rule in RULES if rule.note]


def noted(root: Path, change: Change) -> list[str]:
    environment = load(write(root, changed(change)), REGISTRY, root)
    assert all(note.note and note.hint for note in environment.notes)
    return [note.code for note in environment.notes]


@pytest.mark.parametrize("rule", NOTES, ids=lambda rule: rule.code)
def test_notes_of_examples(rule: Rule, tmp_path: Path) -> None:
    assert rule.code not in noted(tmp_path, rule.accepted)
    assert rule.code in noted(tmp_path, rule.refused)


def test_notes_accept_sample(tmp_path: Path) -> None:
    assert load(write(tmp_path, SAMPLE), REGISTRY, tmp_path).notes == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"environment": "prod", "database.instance_class": "db.t3.large"}, ["FB308"]),
        ({"environment": "prod-eu", "database.instance_class": "db.t3.large"}, ["FB308"]),
        ({"environment": "producer", "database.instance_class": "db.t3.large"}, []),
        ({"environment": "staging", "database.instance_class": "db.t3.large"}, []),
        ({"replica.instances.reporting.instance_class": "db.t4g.large"}, ["FB308"]),
        ({"database.instance_class": "db.r99.mega"}, ["FB304"]),
        ({"replica.instances.reporting.instance_class": "db.r7g.huge"}, ["FB304"]),
        ({"cache.major_engine_version": "9"}, ["FB303"]),
        ({"region": "me-south-1"}, ["FB301", "FB302", "FB302"]),
        ({"network.interface_endpoints": ["secretsmanager", "s4"]}, ["FB306"]),
    ],
)
def test_notes(change: Change, expected: list[str], tmp_path: Path) -> None:
    assert noted(tmp_path, change) == expected


def test_notes_suggest_name(tmp_path: Path) -> None:
    change = {"database.instance_class": "db.r7.large"}
    environment = load(write(tmp_path, changed(change)), REGISTRY, tmp_path)
    texts = [str(note) for note in environment.notes]
    assert "note: unknown instance class db.r7.large [FB304]" in texts[0]


def test_notes_are_bounded(tmp_path: Path) -> None:
    change = {"network.interface_endpoints": ["secretsmanager", *(f"sqs{n}" for n in range(40))]}
    assert noted(tmp_path, change) == ["FB306"] * 10


def test_notes_hidden_by_errors(tmp_path: Path) -> None:
    path = write(tmp_path, changed({"region": "eu-west-9", "database.port": 80}))
    with pytest.raises(InputError) as caught:
        load(path, REGISTRY, tmp_path)
    assert not any(d.note for d in caught.value.diagnostics)


# A project's own file.

WHOLE = """\
regions:
  eu-west-9: 07:00-17:00
engine_versions:
  postgres: 19 20
  valkey: 9
instance_classes:
  db.r99: mega giga
  db.r7g: 32xlarge
parameters: {work_memory: "integer 1 9"}
endpoints: [sqss]
"""


def test_known_yaml_adds(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text(WHOLE)
    for change in (
        {"database.engine_version": "20"},
        {"cache.major_engine_version": "9"},
        {"database.instance_class": "db.r99.giga"},
        {"database.instance_class": "db.r7g.32xlarge", "monitoring.load_threshold": 256},
        {"database.instance_class": "db.r7g.large"},
        {"database.parameters": {"work_memory": "1", "work_mem": "64"}},
        {"network.interface_endpoints": ["secretsmanager", "sqss", "sqs"]},
    ):
        assert noted(tmp_path, change) == [], change
    assert noted(tmp_path, {"region": "eu-west-9"}) == ["FB302", "FB302"]
    late = {"region": "eu-west-9", "database.backup_window": "16:30-17:30"}
    moved = changed({"region": "eu-west-9"})
    with pytest.raises(InputError, match="07:00-17:00 UTC"):
        load(write(tmp_path, changed(late, moved)), REGISTRY, tmp_path)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("regions: [eu-west-9]\n", (1, 1), "eu-west-9 requires its business hours in UTC"),
        ("regions: {eu-west-9: 7-17}\n", (1, 1), "eu-west-9 requires its business hours in UTC"),
        ("regions: {eu-west-9: 24:00-25:00}\n", (1, 1), "requires its business hours"),
        (
            "parameters: {work_memory: yes}\n",
            (1, 1),
            "work_memory requires its type, such as `integer 64 1024`",
        ),
        ("parameters: {log_min_messages: enum panic}\n", (1, 1), "and must not be one that hides"),
        ("endpoints:\n  - sqs\ninstance_classes: [db.r99]\n", (3, 1), "db.r99 requires its sizes"),
        ("region: {}\n", (1, 1), "the allowed keys are regions, engine_versions"),
        ("- regions\n", (1, 1), "not a mapping"),
        ("endpoints: sqs\n", (1, 1), "write a list of names, or a mapping of names to values"),
        ("endpoints: [1]\n", (1, 1), "write a list of names, or a mapping of names to values"),
        (
            "engine_versions: {postgres: [19]}\n",
            (1, 1),
            "write the values of postgres as text, separated by spaces",
        ),
    ],
)
def test_known_yaml_refused(tmp_path: Path, text: str, place: tuple[int, int], says: str) -> None:
    (tmp_path / "known.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load(write(tmp_path, SAMPLE), REGISTRY, tmp_path)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.path, diagnostic.code) == ("known.yaml", "FB150")
    assert (diagnostic.line, diagnostic.column) == place
    assert says in str(diagnostic)


def test_known_yaml_is_refused_once_for_all_environments(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("region: {}\n")
    for name in ("one", "two"):
        write(tmp_path, {**SAMPLE, "environment": name})
    with pytest.raises(InputError) as caught:
        load_environments(tmp_path, REGISTRY, ())
    assert len(caught.value.diagnostics) == 1


def test_known_yaml_is_strict(tmp_path: Path) -> None:
    (tmp_path / "known.yaml").write_text("endpoints: &a [sqs]\nparameters: *a\n")
    with pytest.raises(InputError) as caught:
        load(write(tmp_path, SAMPLE), REGISTRY, tmp_path)
    assert {d.code for d in caught.value.diagnostics} == {"FB109"}


def test_known_yaml_outside_project(tmp_path: Path) -> None:
    root = tmp_path / "project"
    path = write_in(root)
    (tmp_path / "known.yaml").write_text("endpoints: [hunter2]\n")
    (root / "known.yaml").symlink_to(tmp_path / "known.yaml")
    with pytest.raises(InputError) as caught:
        load(path, REGISTRY, root)
    assert [d.code for d in caught.value.diagnostics] == ["FB122"]


def write_in(root: Path) -> Path:
    root.mkdir()
    return write(root, SAMPLE)


# The data that is shipped.


def test_shipped_data() -> None:
    known = AwsCatalogue()
    assert len(known.regions()) >= 18
    assert all(re.fullmatch("[a-z]{2}(-[a-z]+)+-[0-9]", region) for region in known.regions())
    assert all(len(windows.business(known.business_hours(r) or "")) == 5 for r in known.regions())
    assert known.versions("postgres")[:4] == ("14", "15", "16", "17")
    assert all(re.fullmatch("db\\.[a-z0-9]+", family) for family in known.instance_classes())
    assert "large" in known.instance_classes()["db.r7g"]
    assert len(known.parameters()) > 140
    module = (ROOT / "templates/modules/database/parameters.tf.j2").read_text()
    for name, words in known.parameters().items():
        assert is_type(words), name
        # Released modules cannot read this list, so they have their own of static parameters.
        assert is_static(words) == (f'"{name}",' in module or name in EXTENSIONS), name
        assert not is_guarded(name), name
    assert list(known.parameters()) == sorted(set(known.parameters()))
    assert list(known.endpoints()) == sorted(set(known.endpoints()))
    for subject in SUBJECTS:
        assert (ROOT / "generator" / "finbase" / "aws" / f"{subject}.yaml").is_file()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "log_min_messages",
            "log_statement",
            "log_lock_waits",
            "LOG_CONNECTIONS",
            "log_line_prefix",
        ),
        *("pgaudit.log", "pgaudit.log_level", "pgaudit.role", "auto_explain.log_analyze"),
        *("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"),
        *("password_encryption", "rds.force_ssl", "rds.accepted_password_auth_method"),
        *("rds.restrict_password_commands", "ssl_min_protocol_version", "session_replication_role"),
        *("row_security", "md5_password_warnings", "scram_iterations", "archive_command"),
        *("fsync", "synchronous_commit", "track_activities", "autovacuum"),
    ],
)
def test_parameters_of_the_module_are_refused(name: str, tmp_path: Path) -> None:
    for value in ("0", "1", "off", "panic"):
        with pytest.raises(InputError) as caught:
            load(
                write(tmp_path, changed({"database.parameters": {name: value}})), REGISTRY, tmp_path
            )
        assert {d.code for d in caught.value.diagnostics} & {"FB261", "FB137"}


@pytest.mark.parametrize(
    "name",
    [
        *("lo_compat_privileges", "allow_system_table_mods", "allow_alter_system"),
        *("dynamic_library_path", "extension_control_path", "jit_provider", "hba_file"),
        *("db_user_namespace", "createrole_self_grant", "standard_conforming_strings"),
        *("data_directory", "transaction_read_only", "oauth_validator_libraries"),
    ],
)
def test_guarded_parameters_cannot_be_added(name: str) -> None:
    assert is_guarded(name)


@pytest.mark.parametrize(
    ("words", "good", "bad"),
    [
        ("bool", ("1", "off", "TRUE"), ("2", "", "yes please")),
        (
            "integer -1 10",
            ("-1", "10", "{DBInstanceClassMemory/32768}"),
            ("-2", "11", "1.5", "4MB"),
        ),
        (
            "integer 1 9",
            ("GREATEST({DBInstanceClassMemory*1024/63963136},65536)",),
            ("{}", "DBInstanceClassMemory", "nan", "inf", "1e2", "１", "1\n"),
        ),
        ("real 0 1.5", ("0", "1.5", "1e-3"), ("1.6", "nan", "-0.1", "x")),
        ("enum on off zstd", ("zstd",), ("lz4", "ZSTD", "")),
        ("bool since 17", ("on",), ("maybe",)),
        ("bool since 18", (), ("on", "off")),
    ],
)
def test_values_of_parameters(words: str, good: tuple[str, ...], bad: tuple[str, ...]) -> None:
    assert is_type(words.split())
    for value in good:
        assert wrong(words.split(), value, 17) == ""
    for value in bad:
        assert wrong(words.split(), value, 17)


def test_defaults_are_known() -> None:
    """Nobody is to be noted for what they did not choose."""
    known = AwsCatalogue()
    inputs = {
        f"{name}.{i.name}": i.default
        for name in REGISTRY.names
        for i in REGISTRY.current(name).inputs
    }
    assert set(inputs["network.interface_endpoints"]) <= {*known.endpoints()}
    assert inputs["cache.major_engine_version"] in known.versions("valkey")


def test_business_hours_match_features() -> None:
    hours = runpy.run_path(str(ROOT / "features/steps/shared/windows.py"))["HOURS"]
    assert len(hours) >= 5
    for region in AwsCatalogue().regions():
        starts = [start for start in hours if f"{region}a".startswith(start)]
        assert len(starts) == 1, region
        assert hours[starts[0]] == AwsCatalogue().business_hours(region), region


def test_regions_with_roots_are_known() -> None:
    """Else its stack could be planned, and would fail the features by its windows alone."""
    folder = ROOT / "templates" / "modules" / "secret" / "rotation" / "ca"
    assert {path.stem for path in folder.glob("*.pem")} <= {*AwsCatalogue().regions()}
