"""The pages: each command in them runs, prints what is shown, and exists with its options.

A page is read from top to bottom in a copy of the project of its own. ``NOT_RUN`` is the whole list
of commands that are only looked at: their program, subcommand and options have to exist.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from docs.generate.samples import FOLDER
from finbase.contract.registry import Registry
from tests.support.commands import ROOT
from tests.support.documented import Scratch, Step, blocks, pattern, steps
from tests.support.options import faults

ACCOUNT = "acts on a real AWS account"
MINUTES = "takes minutes, and CI does it by itself"
PROVIDER = "needs another provider or program than this machine has"
NOT_RUN: Final[Mapping[str, str]] = {
    r"make (test|lint|judge)": MINUTES,
    r"make reference": "writes into the checkout",
    r"(FINBASE_UPDATE_GOLDEN=1 )?\.venv/bin/pytest .*": "the copy has no tests",
    r"finbase prove( --json matrix\.json)?": MINUTES,
    r"finbase rehearse .*": MINUTES,
    r"(python3 -m|\.venv/bin/)( ?)pip (install|wheel) .*": "uses the network",
    r"python3 -m venv .*": "writes beside the copy",
    r"python3 docs/how-to/verify_bundle\.py .*": "the copy has no pages; test_bundle.py runs it",
    r"finbase evidence verify docs/.*": "the copy has no pages; test_samples.py runs it",
    r"finbase sandbox .*": "serves until Ctrl-C",
    r"make (plan|apply) ENV=\w+": ACCOUNT,
    r"finbase (plan|apply|drift) .*": ACCOUNT,
    r"aws .*": ACCOUNT,
    r"terraform -chdir=\S+ (destroy|import|apply|plan|state|taint|init|show)\b.*": ACCOUNT,
    r"terraform show -json plan\.tfplan > plan\.json": ACCOUNT,
    r"(finbase check|terraform-compliance) .*plan\.json.*": ACCOUNT,
    r"terraform -chdir=\S+ providers mirror .*": PROVIDER,
    r"finbase provider (add|pin) .*": PROVIDER,
    r"(FINBASE_TERRAFORM=\S+ )?finbase check": PROVIDER,
    r".*\.venv-3\.13/bin/python .*": PROVIDER,
}
"""Commands, as whole expressions, that are not run, and why."""

PRINTED_ONCE: Final = (
    "Setting up .venv (once), in about half a minute …",
    "  1 of 3: what builds packages",
    "  2 of 3: what finbase needs",
    "  3 of 3: finbase",
)
"""Shown of a clone's first command; the copies here are set up."""

USE_TERRAFORM: Final = re.compile(
    r"(finbase|make) (check|evidence|upgrade|graph|prove|rehearse)|terraform (init|plan)"
)
LANGUAGES: Final = {
    "",
    "console",
    "sh",
    "diff",
    "yaml",
    "hcl",
    "json",
    "text",
    "mermaid",
    "python",
    "ini",
    "sql",
}
PAGES: Final = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def is_run(step: Step) -> bool:
    return bool(step.patch) or not any(re.fullmatch(each, step.command) for each in NOT_RUN)


ALL: Final = {page: tuple(steps(page)) for page in PAGES}


def walks() -> Iterator[object]:
    for page, found in ALL.items():
        run = [step for step in found if is_run(step)]
        slow = any(USE_TERRAFORM.search(step.command) for step in run)
        if run:
            marks = [pytest.mark.terraform] if slow else []
            yield pytest.param(page, marks=marks, id=name(page))


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, plan_store: Path) -> Scratch:
    scratch = Scratch(tmp_path_factory.mktemp("clone"), plan_store)
    scratch.fill()
    return scratch


@pytest.mark.parametrize("page", list(walks()))
@pytest.mark.usefixtures("shared_workspace")
def test_page_shows_real_output(page: Path, tmp_path: Path, clone: Scratch) -> None:
    scratch = clone.copy(tmp_path)
    for step in filter(is_run, ALL[page]):
        code, printed = scratch.run(step)
        told = f"{step.page}:{step.line}: {step.command or 'the change'} exited with {code}"
        if step.shown is None:
            assert code == 0, f"{told}:\n{printed}"
            continue
        shown = tuple(line for line in step.shown if line not in PRINTED_ONCE)
        difference = "\n".join(
            difflib.unified_diff(shown, printed.splitlines(), "shown", "printed")
        )
        assert pattern(shown).fullmatch(printed), f"{told}:\n{difference}"


def test_page_options_exist() -> None:
    steps = [step for found in ALL.values() for step in found if step.command]
    found = {f"{step.page}:{step.line}": list(faults(step.command)) for step in steps}
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_pages_start_with_what_the_reader_can_do_after_them() -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        if page.parent != ROOT / FOLDER:
            lines = page.read_text(encoding="utf-8").splitlines()
            text = (line for line in lines if line and not line.startswith(("#", "<!--")))
            assert re.match(r"After (this|these) (pages?|tutorial), you can ", next(text)), page


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=name)
def test_outputs_are_those_of_a_stack(page: Path) -> None:
    registry = Registry(ROOT)
    known = {
        f"{contract.name}_{output.name}"
        for contract in map(registry.current, registry.names)
        for output in contract.outputs
    }
    text = " ".join(page.read_text(encoding="utf-8").split())
    for output in re.findall(r"\boutputs? `([a-z_]+)`", text):
        assert output in known or output.replace("_reports_", "_") in known


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=name)
def test_changes_of_an_example_say_that_they_are(page: Path) -> None:
    """A project of its own has other lines around them, so `git apply` refuses them there."""
    text = page.read_text(encoding="utf-8")
    changes = re.findall(r"```diff\n--- a/(environments/|features/own/)", text, re.MULTILINE)
    assert not changes or "(index.md#the-examples)" in text


def test_json_and_yaml_of_pages_are_whole() -> None:
    """A reader copies them."""
    read: Mapping[str, Callable[[str], object]] = {
        "json": json.loads,
        "yaml": lambda text: [*yaml.safe_load_all(text)],
    }
    for page in PAGES:
        for block in blocks(page):
            if block.language in read:
                try:
                    read[block.language]("\n".join(block.lines))
                except (ValueError, yaml.YAMLError) as error:
                    pytest.fail(f"{block.page}:{block.line}: {error}")


PARTS_OF_A_CLIENT = {
    "PGSSLMODE": "PGSSLROOTCERT",
    "secretStoreRef": "kind: SecretStore",
    "serviceAccountRef": "kind: ServiceAccount",
    "sslmode=verify-full": "sslrootcert=",
}


def test_examples_for_clients_have_all_that_they_name() -> None:
    text = [(b, "\n".join(b.lines)) for page in PAGES for b in blocks(page)]
    for word, needed in PARTS_OF_A_CLIENT.items():
        found = [(block, lines) for block, lines in text if word in lines]
        assert found, word
        assert [f"{b.page}:{b.line}" for b, lines in found if needed not in lines] == [], needed


SAFE_PATH = "SET search_path = pg_catalog, pg_temp;"
SQL = re.compile(r"^(ALTER|ANALYZE|CREATE|DELETE|DO|DROP|GRANT|REVOKE|SELECT|UPDATE)\b.*", re.M)


def test_sql_for_the_master_user_runs_no_function_of_others() -> None:
    """Who may create functions in a schema of its path could let a name mean one of these."""
    found = {
        f"{block.page}:{block.line}": block.lines[0]
        for page in PAGES
        for block in blocks(page)
        if block.language in ("sql", "text") and SQL.search("\n".join(block.lines))
    }
    assert len(found) >= 5
    assert [where for where, first in found.items() if not first.startswith(SAFE_PATH)] == []


def test_filters_of_events_go_on_where_one_has_no_parameters() -> None:
    """CloudTrail writes null for them if a call was refused early, and jq stops at that."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    filters = [use for text in texts for use in re.findall(r"\.requestParameters\S*.*", text)]
    assert filters
    assert all(re.match(r'\.requestParameters\.\w+ // ""', use) for use in filters)


def test_commands_work_on_macos() -> None:
    """Its `sed` takes the word after -i as the suffix of a copy."""
    here = re.compile(r"^(\$ )?sed -i ", re.MULTILINE)
    assert [page for page in PAGES if here.search(page.read_text(encoding="utf-8"))] == []


def test_inline_commands_exist() -> None:
    known = "requires an argument."  # A sentence may name an option alone.
    for page in PAGES:
        text = re.sub(r"^(`{3,}).*?^\1$", "", page.read_text(), flags=re.M | re.S)
        found = re.findall(r"(?<!`)`((?:finbase|make) [^`]+)`(?!`)", text)
        wrong = {each: list(faults(each)) for each in found if "…" not in each}
        assert {each: f for each, f in wrong.items() if f and not f[0].endswith(known)} == {}, page


def test_skipped_commands_are_listed() -> None:
    counted = Counter(is_run(step) for found in ALL.values() for step in found)
    assert counted[True] + counted[False] == sum(map(len, ALL.values()))
    for each in NOT_RUN:
        assert any(re.fullmatch(each, step.command) for found in ALL.values() for step in found), (
            f"no page has {each}"
        )
    for page in PAGES:
        for block in blocks(page):
            where = f"{block.page}:{block.line}"
            assert block.language in LANGUAGES or block.language.startswith("{"), where
            if block.language not in ("console", "sh"):
                assert not any(line.startswith("$ ") for line in block.lines), where


def test_setup_lines_are_those_of_the_makefile() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\n.venv/ready:")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"@echo '(.+)'", recipe)) == PRINTED_ONCE


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a … c",), "a b c\n", True),
        (("a", "…", "d"), "a\nb\nc\nd\n", True),
        (("a", "…"), "a\n", True),
        (("a",), "a\nb\n", False),
        (("a", "b"), "a\n", False),
        (("a",), "A\n", False),
        (("…b",), "a\nb\n", False),
        ((), "", True),
        ((), "a\n", False),
    ],
)
def test_compare_output_with_ellipsis(shown: tuple[str, ...], printed: str, same: bool) -> None:
    assert bool(pattern(shown).fullmatch(printed)) is same


@pytest.mark.parametrize(
    "command",
    [
        "finbase rendre",
        "finbase render --chek",
        "finbase check --json",
        "finbase new modul exports",
        "finbase show staging database port",
        "make chekc",
        "make check ENVIRONMENT=staging",
        "terraform plan -outt=plan.tfplan",
        "aws rds restore-db-instance-from-snapshot",
        "aws kms cancel-key-deletion --key 4711",
        "aws kms cancel-key-deletion",
        "frobnicate --all",
        "cd environments/staging && terraform aply",
    ],
)
def test_page_with_wrong_command_fails(command: str) -> None:
    assert list(faults(command)) != []


SPHINX = "import sys; from sphinx.cmd.build import main; sys.exit(main(sys.argv[1:]))"


def test_site_builds_offline_without_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            # To search for garbage takes a quarter of the time.
            *(sys.executable, "-c", "import gc; gc.disable()\n" + SPHINX),
            *("-q", "-W", "--keep-going", "-n"),
            *("-d", tmp_path / "read", ROOT / "docs", tmp_path / "site"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(list((ROOT / "docs").rglob("*.md")))
    loads = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//[^"]*""")
    linked = re.compile(r"""<link\b[^>]*\bhref="(?:https?:)?//[^"]*""")
    for page in pages:
        text = page.read_text()
        assert not loads.findall(text) + linked.findall(text), page.name
    for style in (tmp_path / "site").rglob("*.css"):
        assert not re.findall(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text())

    tutorial = (tmp_path / "site" / "tutorial" / "first-change.html").read_text()
    assert '<span class="gd">-  storage_type = ' in tutorial  # Also in what a command prints.
    assert tutorial.count('<span class="gi">+') > 2


def test_pages_stay_in_one_folder() -> None:
    """A ``cd`` would move the reader to where the commands below it do not work."""
    moved = [step for found in ALL.values() for step in found if step.command.startswith("cd ")]
    assert moved == []


def test_links_of_root_pages_exist() -> None:
    for page in (ROOT / each for each in ("README.md", "CONTRIBUTING.md", "SECURITY.md")):
        for address in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / address).exists(), f"{page.name}: {address}"


@cache
def names_of_tests() -> frozenset[str]:
    """The paths, file names and functions of all tests."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    functions = {
        name
        for path in files
        for name in re.findall(r"^ *(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    paths = {path.relative_to(ROOT).as_posix() for path in files}
    return frozenset(functions | paths | {name for p in files for name in (p.name, p.stem)})


def test_tests_that_pages_name_exist() -> None:
    """A page that calls a test the proof of a sentence must name one that exists."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        named = re.findall(r"(?:tests/(?:\w+/)+)?\btest_\w+(?:\.py)?", page.read_text())
        assert sorted(set(named) - names_of_tests()) == [], page
