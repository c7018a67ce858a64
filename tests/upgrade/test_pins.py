"""Moving a pin: to which version, and in the text of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.contract.lock import PATH, Lock
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.load import load
from finbase.errors import FinbaseError
from finbase.source.document import parse
from finbase.upgrade.pins import newer, with_pins

NEW = Version(2, 0, 1)
HASH = f"h1:{'A' * 43}="


def moved(text: str, **pins: Version) -> str:
    return with_pins(parse("x.yaml", text.encode()), text, pins or {"cache": NEW})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version: 1.0.0", "version: 2.0.1"),
        ("version:   1.0.0   # since May", "version:   2.0.1   # since May"),
        ('version: "1.0.0"', 'version: "2.0.1"'),
        ("version: '1.0.0' # é", "version: '2.0.1' # é"),
        ("version: 10.11.12", "version: 2.0.1"),
        ("version:\n      1.0.0", "version:\n      2.0.1"),
        ("'version': 1.0.0", "'version': 2.0.1"),
    ],
)
def test_only_the_version_changes(before: str, after: str) -> None:
    text = (
        "# A file.\nmodules:\n  kms: {version: 1.0.0}\n\n  cache:  # fast\n    %s\n    limit: 7\n"
    )
    assert moved(text % before) == text % after


@pytest.mark.parametrize(
    "layout", ["  cache: {version: %s, a: 1}\n", '  cache: {a: [1], "version": %s}\n']
)
def test_with_pins_flow_style(layout: str) -> None:
    assert moved("modules:\n" + layout % "1.0.0") == "modules:\n" + layout % "2.0.1"


def test_with_pins_keeps_line_ends() -> None:
    text = "modules:\r\n  kms: {version: 1.0.0}\r\n  cache: {version: 1.0.0}\r\n"
    after = moved(text, kms=Version(1, 0, 1), cache=NEW)
    assert after == "modules:\r\n  kms: {version: 1.0.1}\r\n  cache: {version: 2.0.1}\r\n"


@pytest.mark.parametrize("scalar", ["|-\n      1.0.0", ">-\n      1.0.0"])
def test_with_pins_refuses_block_scalar(scalar: str) -> None:
    with pytest.raises(FinbaseError, match=r"cannot edit x\.yaml") as caught:
        moved(f"modules:\n  cache:\n    version: {scalar}\n    limit: 7\n")
    assert "cache: version: 2.0.1" in (caught.value.hint or "")


@given(
    st.lists(st.sampled_from(["", "# note", "  # deep note"]), max_size=3),
    st.sampled_from(["1.0.0", '"1.0.0"', "'1.0.0'"]),
    st.sampled_from(["", "  # why", " "]),
    st.tuples(*[st.integers(0, 99)] * 3).map(lambda parts: Version(*parts)),
)
def test_with_pins_changes_nothing_else(
    notes: list[str], pin: str, end: str, version: Version
) -> None:
    lines = ["modules:", *notes, "  cache:", f"    version: {pin}{end}", "    limit: 7", ""]
    text = "\n".join(lines)
    after = moved(text, cache=version)
    assert after.replace(str(version), "1.0.0") == text


def test_newer(project: Path) -> None:
    lock = Lock().with_release("cache", Version(2, 0, 0), HASH)
    for after in (Version(2, 0, 5), Version(2, 2, 0)):
        lock = lock.with_release("cache", after, HASH)
    (project / PATH).write_text(lock.text())
    contract = project / "templates" / "modules" / "cache" / "contract.yaml"
    text = contract.read_text()
    start = text.index("version:")
    contract.write_text(text[:start] + "version: 9.0.0" + text[text.index("\n", start) :])
    registry = Registry(project)
    environment = load(project / "environments" / "production.yaml", registry, project)
    assert environment.module("cache")
    assert newer(environment, registry) == {"cache": Version(2, 2, 0)}
    assert newer(environment, registry, "cache") == {"cache": Version(2, 2, 0)}
    assert newer(environment, registry, "kms") == {}
    assert newer(environment, registry, "cache", Version(9, 0, 0)) == {"cache": Version(9, 0, 0)}
    wrong: list[tuple[str, Version | None, str]] = [
        ("queue", None, "production does not use the module queue"),
        ("cache", Version(3, 0, 0), "cache 3.0.0 does not exist"),
        ("cache", Version(2, 1, 0), "production already pins cache 2.1.0"),
    ]
    for module, version, message in wrong:
        with pytest.raises(FinbaseError, match=message):
            newer(environment, registry, module, version)
