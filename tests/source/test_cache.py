"""What YAML says is remembered as JSON, and never anything else than it says."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finbase.contract import registry as contract_registry
from finbase.contract.contract import Contract, load_contract
from finbase.contract.registry import Registry
from finbase.source import cache as yaml_cache
from finbase.source.cache import YamlCache, load_yaml
from finbase.system import user_folders
from tests.support.commands import ROOT

TEXT = b"a: [1, 1.0, true, null, text]\n"
SAID = {"a": [1, 1.0, True, None, "text"]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the texts are kept, by the caches of the test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "finbase" / "yaml"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that were read as YAML."""
    read: list[bytes] = []

    def load(source: bytes) -> object:
        read.append(source)
        return load_yaml(source)

    monkeypatch.setattr(yaml_cache, "load_yaml", load)
    return read


def test_load_reads_text_once(folder: Path, reads: list[bytes]) -> None:
    for _ in range(3):
        said = YamlCache().load(TEXT)
        assert repr(said) == repr(SAID)
    assert reads == [TEXT]
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.usefixtures("folder")
def test_load_separates_texts(reads: list[bytes]) -> None:
    other = TEXT + b"# the same, but for this\n"
    assert YamlCache().load(TEXT) == YamlCache().load(other) == SAID
    assert reads == [TEXT, other]


@pytest.mark.parametrize(
    "text",
    [
        b"when: 2025-01-01",
        b"1: a key that is no text",
        b"null: neither is this",
        b"data: !!binary aGVsbG8=",
        b"some: !!set {one, two}",
        b"number: .nan",
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + b"\n".join(
            b"%c: &%c [%b]" % (n, n, b", ".join([b"*%c" % (n - 1)] * 10)) for n in b"bcdefgh"
        ),
        b"&a [*a]",
    ],
)
def test_load_skips_non_json_values(text: bytes, folder: Path, reads: list[bytes]) -> None:
    for _ in range(2):
        YamlCache().load(text)
    assert reads == [text, text]
    assert not list(folder.iterdir())


def test_load_raises_for_invalid_yaml(folder: Path, reads: list[bytes]) -> None:
    for _ in range(2):
        with pytest.raises(yaml.YAMLError):
            YamlCache().load(b"a: [")
    assert reads == [b"a: ["] * 2
    assert not list(folder.iterdir())


@pytest.mark.parametrize("damage", [b"", b'{"a"', b"\xff", b"[" * 100_000])
def test_load_replaces_damaged_entry(damage: bytes, folder: Path, reads: list[bytes]) -> None:
    YamlCache().load(TEXT)
    (kept,) = folder.iterdir()
    kept.write_bytes(damage)
    assert YamlCache().load(TEXT) == YamlCache().load(TEXT) == SAID
    assert reads == [TEXT, TEXT]


def test_load_ignores_writable_entry(folder: Path, reads: list[bytes]) -> None:
    YamlCache().load(TEXT)
    (kept,) = folder.iterdir()
    kept.write_text('{"a": "something else"}')
    kept.chmod(0o666)
    assert YamlCache().load(TEXT) == SAID
    assert reads == [TEXT, TEXT]


def test_load_ignores_writable_folder(folder: Path, reads: list[bytes]) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    for _ in range(2):
        assert YamlCache().load(TEXT) == SAID
    assert reads == [TEXT, TEXT]
    assert not list(folder.iterdir())


def test_load_works_without_home(monkeypatch: pytest.MonkeyPatch, reads: list[bytes]) -> None:
    def nowhere() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(user_folders, "cache_home", nowhere)
    for _ in range(2):
        assert YamlCache().load(TEXT) == SAID
    assert reads == [TEXT, TEXT]


def test_load_prunes_oldest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_cache, "MOST_TEXTS", 3)
    now = time.time()
    for number in range(5):
        YamlCache().load(b"number: %d" % number)
        for path in folder.iterdir():
            if path.read_bytes().endswith(b'{"number": %d}' % number):
                os.utime(path, (now - 100 + number,) * 2)
    kept = sorted(path.read_bytes()[32:] for path in folder.iterdir())  # after the seals
    assert kept == [b'{"number": %d}' % number for number in (2, 3, 4)]


@pytest.mark.usefixtures("folder")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text() | st.integers(), each),
        max_leaves=10,
    )
)
def test_load_equals_plain_read(data: object) -> None:
    source = yaml.safe_dump(data, allow_unicode=True).encode("utf-8", "surrogatepass")
    try:
        said = load_yaml(source)
    except yaml.YAMLError:
        return
    assert repr(YamlCache().load(source)) == repr(said)
    assert repr(YamlCache().load(source)) == repr(said)


def test_registry_reads_a_contract_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[bytes] = []

    def load(source: bytes) -> object:
        reads.append(source)
        return load_contract(source)

    monkeypatch.setattr(contract_registry, "load_contract", load)
    first, second = Registry(ROOT), Registry(ROOT)
    for registry in (first, second):
        for name in registry.names:
            for version in registry.versions(name):
                contract = registry.get(name, version)
                assert contract == Contract.load(contract.path)
    (contracts,) = folder.parent.glob("contracts-*")
    assert len(reads) == len(set(reads)) == len(list(contracts.iterdir())) > len(first.names)
