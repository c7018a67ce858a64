"""Standards and laws: their files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from finbase.errors import ComplianceError, FinbaseError
from finbase.judge.catalogue import load_failures
from finbase.judge.frameworks import Framework, Row, load_frameworks, order
from tests.support.commands import ROOT, finbase

FEATURES = ROOT / "features"
IDS = {failure.id for failure in load_failures(FEATURES)}
FRAMEWORKS = load_frameworks(FEATURES)


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_framework_is_complete(framework: Framework) -> None:
    assert framework.source.startswith("https://")
    numbers = [row.number for row in framework.rows]
    assert len(numbers) == len(set(numbers))
    for row in framework.rows:
        assert row.about
        assert row.remains
        assert {*row.controls} <= IDS
        assert [*row.controls] == sorted(set(row.controls))
    # Each lists what no plan can support.
    assert any(not row.controls for row in framework.rows)
    assert any(row.controls for row in framework.rows)


# Controls for availability and for working clients, which these standards do not require.
UNMAPPED = {"pci-dss": {"F01", "F06c"}}


@pytest.mark.parametrize("name", ["pci-dss", "dora", "iso-27001", "soc-2"])
def test_controls_support_requirements(name: str) -> None:
    (framework,) = load_frameworks(FEATURES, [name])
    mapped = {id_ for row in framework.rows for id_ in row.controls}
    assert IDS - mapped == UNMAPPED.get(name, {"F06c"})


@pytest.mark.parametrize(
    ("name", "number"),
    [
        *(("pci-dss", number) for number in ("1.2.7", "3.2.1", "3.6.1", "3.7.1", "6.3.2", "6.5.1")),
        *(("pci-dss", number) for number in ("3.5.1.2", "12.3.1, 12.10.2")),
        ("iso-27001", "A.8.28, A.8.30"),
        ("iso-27001", "A.8.32"),
        ("soc-2", "CC8.1"),
    ],
)
def test_reviews_and_procedures_are_not_claimed(name: str, number: str) -> None:
    (framework,) = load_frameworks(FEATURES, [name])
    (row,) = (row for row in framework.rows if row.number == number)
    assert row.controls == ()


def test_encryption_of_disks_does_not_make_card_numbers_unreadable() -> None:
    (pci,) = load_frameworks(FEATURES, ["pci-dss"])
    assert {id_ for id_ in IDS if "3.5.1" in pci.of(id_)} == {"B10"}


def test_load_frameworks_keeps_the_order_of_names() -> None:
    names = ["soc-2", "dora"]
    assert [framework.name for framework in load_frameworks(FEATURES, names)] == names


def test_load_frameworks_refuses_an_unknown_name() -> None:
    with pytest.raises(FinbaseError, match="there is no framework 'hipaa'") as caught:
        load_frameworks(FEATURES, ["hipaa"])
    assert caught.value.hint == "choose one of cis-aws, dora, iso-27001, pci-dss, soc-2"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "title: x", "title: x\nsource: y\nrows: [1]", "rows: [{number: 1}]", "\t", "\0"],
)
def test_load_frameworks_refuses_an_invalid_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "frameworks").mkdir()
    (tmp_path / "frameworks" / "own.yaml").write_text(text)
    with pytest.raises(ComplianceError, match=r"own\.yaml is not a valid framework"):
        load_frameworks(tmp_path)


def test_of_returns_the_numbers_of_a_control() -> None:
    rows = (Row("2", "x", ("F01",), "y"), Row("1", "x", (), "y"), Row("3", "x", ("B01", "F01"), ""))
    assert Framework("x", "X", "https://x", rows).of("F01") == ("2", "3")


def test_order_reads_numbers() -> None:
    texts = ["A.8.22", "A.8.3", "A.5.9", "RTS Art. 12", "RTS Art. 6", "10.2.1", "2.2.7"]
    assert sorted(texts, key=order) == [
        *("2.2.7", "10.2.1", "A.5.9", "A.8.3", "A.8.22", "RTS Art. 6", "RTS Art. 12"),
    ]


def test_check_refuses_a_framework_without_a_report() -> None:
    done = finbase(ROOT, "check", "--framework", "dora")
    assert (done.exit_code, "--framework requires --html" in done.output) == (2, True)


def test_check_refuses_an_unknown_framework_before_it_plans(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = finbase(ROOT, "check", "development", "--html", str(page), "--framework", "hipaa")
    assert done.exit_code == 2
    assert "there is no framework 'hipaa'" in done.output
    assert not page.exists()


def test_changed_framework_counts_as_a_changed_control(project: Path) -> None:
    path = project / "features" / "frameworks" / "dora.yaml"
    path.write_text(path.read_text().replace("controls: [F09]", "controls: [B01, F09]"))
    done = finbase(project, "check", "development")
    assert "features/frameworks/dora.yaml" in done.output
    assert done.exit_code == 1
