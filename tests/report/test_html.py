"""The evidence report: sound HTML, links that lead somewhere, and nothing that gets out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase.commands._evidence import read_sources
from finbase.errors import FinbaseError
from finbase.report.forge import Forge
from finbase.report.html.findings import Subject
from finbase.report.html.proof import read_proof
from finbase.report.provenance import PlanFacts
from finbase.report.sources import Sources, scenario_steps
from finbase.terraform.workspace import Workspace
from tests.support.commands import finbase, run, search_path
from tests.support.evidence import (
    DIRTY,
    FACTS,
    FAILURES,
    FRAMEWORKS,
    HOSTILE,
    MATRIX,
    ROOT,
    SEEN,
    picture,
    render,
    verdict,
)

MUTATIONS: list[dict[str, object]] = MATRIX["mutations"]  # type: ignore[assignment]


@pytest.fixture(scope="module")
def production() -> Sources:
    return read_sources(ROOT, ["production"])["production"]


class Page(HTMLParser):
    """The elements of a page; fails where one is closed that is not open."""

    VOID = frozenset(("meta", "br", "wbr", "img", "link", "input", "hr"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


@pytest.fixture(scope="module")
def whole(production: Sources) -> str:
    """A report of two environments, one of which fails, with a proof."""
    return render(
        Subject(verdict("production"), picture(), production),
        Subject(verdict("staging", ("F01", "F04b")), picture()),
        proof=MATRIX,
    )


# Structure


def test_html_is_well_formed(whole: str) -> None:
    page = Page(whole)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("nav")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(a.get("scope") for a in page.all("th"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert page.all("html")[0]["lang"] == "en-GB"
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(name, "").split()) <= set(ids)
    svgs = page.all("svg")
    assert len(svgs) == 8
    assert all(a["role"] == "img" and a["aria-labelledby"] for a in svgs)
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in page.all("div"))


def test_html_loads_no_resource(whole: str) -> None:
    page = Page(whole)
    assert not page.all("script", "img", "link", "iframe", "object", "form", "base", "embed")
    for _, attributes in page.elements:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("style", "src")
        ]
        assert not re.match(r"[a-z]+:|//", attributes.get("href", "").lower())
    assert not re.search(r"url\(|@import|expression\(", whole)


def test_html_policy_allows_only_the_style(whole: str) -> None:
    (policy,) = (a["content"] for a in Page(whole).all("meta") if "http-equiv" in a)
    style = re.findall("<style>(.*?)</style>", whole, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_html_links_stay_in_the_page(production: Sources) -> None:
    """A report that was mailed alone has no file beside it."""
    page = Page(render(Subject(verdict("production"), picture(), production, facts=FACTS)))
    ids = {a["id"] for _, a in page.elements if "id" in a}
    targets = [attributes["href"] for attributes in page.all("a")]
    assert all(href.startswith("#") and href[1:] in ids for href in targets)
    assert sum(href.startswith("#source-modules-") for href in targets) > 5
    assert "module.database.aws_db_instance.primary" in page.text


def test_html_excerpts_are_lines_of_the_files(production: Sources) -> None:
    text = render(Subject(verdict("production"), picture(), production))
    found = re.findall(
        r'id="source-[^"]+">\n<figcaption>([^<]+):(\d+)</figcaption>\n<pre><code>(.*?)</code></pre>',
        text,
        re.DOTALL,
    )
    assert len(found) >= 4
    for path, first, code in found:
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        shown = Page(f"<p>{code}</p>").texts
        for number, line in enumerate(lines[int(first) - 1 :][:3], int(first)):
            assert f"{number}" in shown
            assert any(line.strip() in each for each in shown)


def test_html_links_lead_to_the_forge(production: Sources) -> None:
    changed = frozenset(["features/database.feature"])
    forge = Forge(f"https://github.com/bank/ledger/blob/{'1' * 40}/", "#L{line}", changed)
    text = render(Subject(verdict("production"), picture(), production, facts=FACTS), forge=forge)
    outward = 0
    for attributes in Page(text).all("a"):
        address, _, anchor = attributes["href"].partition("#")
        if not address:
            continue
        outward += 1
        path = unquote(address.removeprefix(forge.base))
        assert path not in changed
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        assert 1 <= int(anchor.removeprefix("L")) <= len(lines)
    assert outward > 30


def test_html_is_reproducible(production: Sources, whole: str) -> None:
    again = render(
        Subject(verdict("production"), picture(), production),
        Subject(verdict("staging", ("F01", "F04b")), picture()),
        proof=MATRIX,
    )
    assert again == whole
    assert "2024-05-06" in whole


# Content


def test_report_says_that_it_judged_a_plan(whole: str, production: Sources) -> None:
    alone = render(Subject(verdict("production"), picture(), production))
    assert "Judged from a Terraform plan; not a check of what runs in the account." in alone
    assert "Judged from Terraform plans; not a check of what runs" in whole


def test_report_names_its_subject_on_each_sheet(production: Sources) -> None:
    hostile = 'x"; } </style><script>'
    text = render(Subject(verdict(hostile), picture(), production), provenance=DIRTY)
    (footer,) = re.findall(r"@bottom-left \{ content: \"(.*?)\"; font", text)
    assert footer.endswith(f", 2024-05-06, commit {'1' * 12}")
    assert set(footer) <= set("x , style scriptcommit-0123456789")


def test_report_verdict(production: Sources, whole: str) -> None:
    count = len(FAILURES)
    text = f"Controls fail. staging: {count - 2} of {count} controls pass, 2 scenarios failed."
    assert text in Page(whole).text
    fine = Page(render(Subject(verdict("production"), picture(), production))).text
    assert f"All {count} controls of the catalogue pass in production." in fine
    assert "FAIL" not in fine


def test_report_all_controls(whole: str) -> None:
    page = Page(whole)
    labels = [a["aria-label"] for a in page.all("a") if "aria-label" in a]
    for failure in FAILURES:
        state = "fail" if failure.id in ("F01", "F04b") else "pass"
        assert f"{failure.id} in production: pass" in labels
        assert f"{failure.id} in staging: {state}" in labels
        assert failure.title in page.text
        assert failure.requirement in page.text
    assert len([a for a in page.all("details") if "open" in a]) == 2


def test_report_finding_content(whole: str) -> None:
    text = whole[whole.index('id="production-F04a"') : whole.index('id="production-F10"')]
    shown = Page(f"<div>{text[text.index('>') + 1 : text.index('</article>')]}</div>")
    assert "Then every primary sets performance_insights_enabled to true" in shown.text
    assert "performance_insights_retention_period = 731" in shown.text
    assert "performance_insights_retention_period: 731" in shown.text
    for place in (
        "features/database.feature:",
        "modules/database/3.2.0/main.tf:",
        "environments/production.yaml:",
    ):
        assert place in shown.text


# The first page


def test_report_names_its_subject(production: Sources) -> None:
    subject = Subject(verdict("production"), picture(), production, facts=FACTS)
    text = Page(render(subject, provenance=DIRTY)).text
    for fact in (
        "111122223333",
        "eu-west-1",
        "made by finbase, offline: without an AWS account",
        "3" * 64,
        "1.11.4",
        "hashicorp/aws 5.100.0",
        "h1:AbC=",
        "none: this version is not released",
        "2024-05-06 07:08:09 UTC",
        "GitHub Actions: check, run 7, started by octocat",
        f"{'1' * 40} , not clean : 1 file differs from it: features/a.feature".replace(" ,", ","),
        "https://github.com/bank/ledger",
    ):
        assert fact.replace(" :", ":") in text, fact
    for offline, said in (
        (False, "supplied by the user, on an AWS account"),
        (None, "supplied by the user, which does not show whether it was made on an AWS account"),
    ):
        facts = replace(FACTS, plan=PlanFacts("3" * 64, offline=offline))
        assert said in Page(render(replace(subject, facts=facts, supplied=True))).text


def test_report_says_what_is_unknown() -> None:
    text = Page(render(Subject(verdict("plan.json"), picture(), supplied=True))).text
    assert "unknown; the files are not in a git repository with a commit" in text
    assert "AWS accountnot shown by this planregionnot shown by this plan" in text
    assert "modulesthe plan calls no released module" in text
    made = Page(render(Subject(verdict("plan.json"), picture()))).text
    assert "unknown; the project has no file of this environment" in made
    assert "none; the variables of no known CI system were set" in text
    assert "SHA-256 of the plan unknown" in text.replace("planunknown", "plan unknown")


def test_report_first_page_says_what_is_missing(whole: str, production: Sources) -> None:
    alone = Page(render(Subject(verdict("production"), picture(), production))).text
    assert "previous reportnone was namedproofnot in this report" in alone
    assert "proofthe failures of 2 of 35 controls were introduced" in Page(whole).text


def test_report_shows_code_and_tables_as_such(whole: str) -> None:
    page = Page(whole)
    assert "Detect drift in the account with finbase drift; a plan" in page.text
    assert {"class": "rows"} in page.all("table")
    assert "| type" not in page.text
    assert "Then the network of the stack has at least one resource of each type" in page.text


def test_report_lists_each_resource_once(production: Sources) -> None:
    page = Page(render(Subject(verdict("production"), picture(), production, facts=FACTS)))
    assert "1 of 2 planned resources were judged by at least one control" in page.text
    assert "Not judged: aws_s3_bucket.logs." in page.text
    rows = page.text[page.text.index("resource judged by".replace(" judged", "judged")) :]
    assert "aws_db_instance.primaryF01 F03" in rows
    assert "aws_s3_bucket.logsnot judged" in rows


def test_report_shows_changes(production: Sources) -> None:
    subject = Subject(verdict("production"), picture(), production, facts=FACTS)
    other = Subject(verdict("staging"), picture())
    same = Subject(verdict("development"), picture(), facts=replace(FACTS, changes=()))
    page = Page(render(subject, other, same, provenance=DIRTY))
    assert "2" * 64 in page.text
    assert "F01 Titlepassedfailed a = 1 a = 2" in page.text.replace("a = 1a", "a = 1 a")
    assert "Not compared: the previous verdict does not have this environment" in page.text
    assert "No control has another result or other evidence." in page.text
    assert page.text.count("; it does not say when it was made") == 2
    bundle = replace(DIRTY, previous_made="2024-04-01T00:00:00+00:00", previous_bundle="4" * 64)
    named = Page(render(subject, provenance=bundle)).text
    assert (
        named.count(f"in the bundle of 2024-04-01T00:00:00+00:00 with the SHA-256 {'4' * 64}") == 2
    )
    assert "Changes since" not in render(subject)


def test_report_supplied_plan(production: Sources) -> None:
    subject = Subject(verdict("production"), picture(), production)
    assert "the user supplied it" not in render(subject)
    assert "the files that the project has now" in render(replace(subject, supplied=True))
    unknown = replace(subject, supplied=True, sources=None)
    assert "The files behind it are unknown" in render(unknown)


def test_pci_is_never_claimed_to_be_met(whole: str) -> None:
    page = Page(whole)
    assert "Terraform alone meets none" in page.text
    assert "not in staging" in page.text
    assert "Card columns need encryption by the application, or tokens" in page.text


def test_report_has_a_column_for_each_framework(whole: str) -> None:
    page = Page(whole)
    for framework in FRAMEWORKS:
        assert page.text.count(framework.title) >= 3
        assert f"framework-{framework.name}" in {a["id"] for a in page.all("h3") if "id" in a}
    assert "no plan can show this" in page.text


def test_report_without_frameworks_has_no_such_chapter(production: Sources) -> None:
    text = render(Subject(verdict("production"), picture(), production), frameworks=())
    assert "Standards and laws" not in text


def test_report_proof(whole: str) -> None:
    page = Page(whole)
    text = f"The failures of 2 of {len(FAILURES)} controls were introduced into the rendered stack"
    assert text in page.text
    assert page.text.count("not tested") == len(FAILURES) - 2
    assert "1 of 2 changes made exactly the right scenarios fail" in page.text
    assert "with finbase 1.2.3, at the commit" in page.text
    assert "5" * 40 in page.text
    assert "F01 F10" in page.text
    assert "missed" in page.text
    assert "This report contains no proof matrix" not in page.text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"schema_version": 1}',
        b'{"schema_version": 2, "mutations": []}',
        b'{"schema_version": 1, "mutations": [{"id": "x"}]}',
    ],
)
def test_proof_refuses_other_documents(data: bytes) -> None:
    with pytest.raises(
        FinbaseError, match=r"matrix\.json (is not from `finbase prove|has schema_version 2)"
    ):
        read_proof(data, "matrix.json", {"x"}, {"x": "x"}, "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mutations": []}, "contains no mutations, so it proves nothing"),
        (
            {"mutations": [*MUTATIONS, MUTATIONS[0] | {"failure": "F99"}]},
            "'F99' is not in features/failures.yaml",
        ),
        ({"mutations": [MUTATIONS[0] | {"id": "invented"}]}, "no mutation 'invented' of F01"),
        ({"mutations": [MUTATIONS[0] | {"failure": "F02"}]}, "'nat-gateway-single' of F02"),
        ({"features_sha256": "6" * 64}, "is of other features or mutations"),
    ],
)
def test_proof_refuses_other_matrices(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    matrix = tmp_path / "matrix.json"
    matrix.write_text(json.dumps(MATRIX | change), encoding="utf-8")
    report = tmp_path / "report.html"
    done = run(ROOT, "check", "--html", str(report), "--proof", str(matrix))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "hint: " in done.stderr
    assert "finbase prove --json matrix.json" in done.stderr


# Escaping


@pytest.mark.parametrize("known", [True, False])
def test_html_escapes_text(known: bool, production: Sources) -> None:
    given_ = production if known else None
    plain = Page(render(Subject(verdict("x", (), "seen"), picture(), given_), proof=MATRIX))
    text = render(
        Subject(verdict(HOSTILE, (), f"{HOSTILE} seen"), picture(HOSTILE), given_),
        proof=MATRIX,
    )
    hostile = Page(text)
    assert "<script>alert('1')</script>" in hostile.text
    assert "<script" not in text
    assert "\x00" not in text
    # A long text takes two lines in a picture, and a cut text has a tooltip.
    free = ("title", "text")
    without = [[tag for tag, _ in p.elements if tag not in free] for p in (plain, hostile)]
    assert without[0] == without[1]


@given(text=st.text(max_size=60))
@settings(max_examples=25)
def test_html_accepts_any_text(text: str) -> None:
    shown = render(Subject(verdict(text, ("F01",), f"seen {text}"), picture(text)))
    assert shown.encode()
    assert Page(shown).all("main")


# Lines behind a finding


@pytest.mark.parametrize(
    ("failure", "hcl", "yaml_"),
    [
        ("F01", {"allocation_id", "subnet_id"} - {"allocation_id"}, {"zones"}),
        (
            "F04a",
            {"performance_insights_retention_period"},
            {"performance_insights_retention_period"},
        ),
        ("F06c", {"host"}, set()),
    ],
)
def test_html_excerpts_of_a_finding(
    failure: str, hcl: set[str], yaml_: set[str], production: Sources
) -> None:
    blocks, sections = production.behind([SEEN[failure]])
    for excerpt in [*blocks, *sections]:
        lines = (ROOT / excerpt.place.path).read_text(encoding="utf-8").splitlines()
        assert all(lines[line.number - 1] == line.text for line in excerpt.lines)
        assert excerpt.place.line in {line.number for line in excerpt.lines}
    behind = [line.text.split("=")[0].strip() for b in blocks for line in b.lines if line.behind]
    assert set(behind) == hcl
    keys = {line.text.split(":")[0].strip() for s in sections for line in s.lines if line.behind}
    assert yaml_ <= keys
    assert bool(yaml_) == bool(keys)


def test_html_excerpts_mark_a_line_or_say_what_they_are(production: Sources) -> None:
    group, rule = (
        "module.access.aws_security_group.application",
        "module.access.aws_vpc_security_group_egress_rule.application_to_database",
    )
    blocks, (section,) = production.behind([f"{group}: no inline rules", f"{rule}: SQL from it"])
    for excerpt in (*blocks, section):
        assert excerpt.note
        assert not any(line.behind for line in excerpt.lines)
    assert all(len(each.lines) == 1 for each in blocks)
    (marked,), _ = production.behind([f"{rule}: SQL from applications"])
    assert not marked.note
    assert [line.text.split()[0] for line in marked.lines if line.behind] == ["description"]


def test_tag_is_behind_a_finding_about_it(production: Sources) -> None:
    """The block of a resource has no line of the tag, and its version says nothing about it."""
    owner = production.environment.tags["owner"]
    path = production.path
    number = next(
        n for n, t in enumerate(production.texts()[str(path)].split("\n"), 1) if owner in t
    )
    primary = "module.database.aws_db_instance.primary"
    for evidence in (
        f"{primary}: owner {owner}; name a team",
        f"{primary}: tags_all.Owner = {owner}",
    ):
        hcl, yaml_ = production.behind([evidence])
        assert (hcl, [(e.place.path, e.line) for e in yaml_]) == ([], [(path, number)])
    for evidence in (f"{primary}: owner nobody", f"{primary}: storage of {owner}"):
        assert all(excerpt.title != "tags" for excerpt in production.behind([evidence])[1])


def test_html_links_to_pinned_version(production: Sources) -> None:
    pieces = production.pieces(f"{SEEN['F01']} and module.no.aws_x.y, aws_vpc: 1")
    assert "".join(text for text, _ in pieces).startswith("eu-west-1a: module.network")
    named = {str(place.path) for _, place in pieces if place}
    version = yaml.safe_load((ROOT / "environments/production.yaml").read_text(encoding="utf-8"))[
        "modules"
    ]["network"]["version"]
    assert named == {f"modules/network/{version}/main.tf"}


def test_html_fills_outline_rows() -> None:
    lines = (ROOT / "features/database.feature").read_text(encoding="utf-8").splitlines()
    row = next(number for number, line in enumerate(lines, 1) if "none, ddl, mod or all" in line)
    (step,) = scenario_steps("\n".join(lines), row)
    assert step == (
        "Then every instance uses a parameter group "
        "that sets log_statement to none, ddl, mod or all"
    )


# The looks


def luminance(colour: str) -> float:
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("part", [0, 1])
def test_html_colours_have_contrast(part: int, whole: str) -> None:
    """WCAG asks 4.5 to 1 of text: on the page, on excerpts and on their marks, light and dark."""
    palettes = re.findall(r":root \{(.*?)\}", whole, re.DOTALL)[:2]
    colours = dict(re.findall(r"--(\w+): #(\w+);", palettes[part]))
    for ink in ("text", "quiet", "link", "good", "wrong"):
        for paper in ("page", "soft", "mark"):
            if ink in ("good", "wrong", "link") and paper != "page":
                continue
            dark, light = sorted((luminance(colours[ink]), luminance(colours[paper])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


# The command


def test_check_without_html_imports_no_report() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from finbase.cli import main;"
        f"run = ['--project', {str(ROOT)!r}, 'check', '--plan', {__file__!r}];"
        "r = CliRunner().invoke(main, run);"
        "assert r.exit_code == 2 and 'is not JSON' in r.output, r.output;"
        "print([m for m in sys.modules if m.startswith(('finbase.report.html', 'jinja2',"
        " 'finbase.report.drawing', 'finbase.plan.picture', 'finbase.report.sources'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": search_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "[]\n")


def test_proof_without_html_is_wrong_usage() -> None:
    done = run(ROOT, "check", "--proof", __file__)
    assert done.returncode == 2
    assert "--proof requires --html" in done.stderr


def test_previous_requires_html_and_a_verdict(tmp_path: Path) -> None:
    done = run(ROOT, "check", "--previous", __file__)
    assert done.returncode == 2
    assert "--previous requires --html" in done.stderr
    done = run(ROOT, "check", "--html", str(tmp_path / "r.html"), "--previous", __file__)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not from `finbase check --json`" in done.stderr


def test_proof_is_read_before_planning(tmp_path: Path) -> None:
    done = run(ROOT, "check", "--html", str(tmp_path / "r.html"), "--proof", __file__)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not from `finbase prove --json`" in done.stderr


@pytest.mark.terraform
def test_html_does_not_change_the_verdict(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made: dict[str, Any] = json.loads(
        workspace.plan(ROOT / "environments/development", project=ROOT)
    )
    file, report, before = (tmp_path / name for name in ("plan.json", "report.html", "before.json"))
    for expected in (0, 1):
        file.write_text(json.dumps(made), encoding="utf-8")
        arguments = ("check", "development", "--plan", str(file))
        # The first verdict is the one that both reports compare with.
        plain = finbase(ROOT, *arguments, *(() if expected else ("--json", str(before))))
        since = ("--html", str(report), "--previous", str(before))
        reported = finbase(ROOT, *arguments, *since)
        assert plain.exit_code == reported.exit_code == expected
        assert (plain.stdout, plain.stderr) == (reported.stdout, reported.stderr)
        assert hashlib.sha256(file.read_bytes()).hexdigest() in report.read_text(encoding="utf-8")
        text = Page(report.read_text(encoding="utf-8")).text
        assert hashlib.sha256(before.read_bytes()).hexdigest() in text
        assert ("No control has another result or other evidence." in text) != bool(expected)
        assert ("passedfailed" in text) == bool(expected)
        piped = finbase(ROOT, *arguments, "--html", "-")
        assert piped.stderr == plain.stdout
        for text in (report.read_text(encoding="utf-8"), piped.stdout):
            assert "2023-11-14" in text
            assert (">FAIL<" in text) == bool(expected)
            assert len(Page(text).all("svg")) == 4
        kms = made["configuration"]["root_module"]["module_calls"]["kms"]["module"]
        for each in kms["resources"]:
            each.get("expressions", {}).pop("multi_region", None)


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_html_of_an_environment(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    done = finbase(ROOT, "check", "development", "--html", str(report))
    assert done.exit_code == 0
    text = Page(report.read_text(encoding="utf-8")).text
    state = "pass or are not applicable"  # Development has no replica.
    assert f"All {len(FAILURES)} controls of the catalogue {state} in development." in text
    assert "the user supplied it" not in text
