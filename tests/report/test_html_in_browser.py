"""The evidence report, opened and clicked through in a real browser at three widths."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from finbase.commands._evidence import read_sources
from finbase.report.html.findings import Subject
from tests.support.browser import Page, browser
from tests.support.evidence import DIRTY, FACTS, MATRIX, ROOT, picture, render, verdict

AXE = Path(sys.prefix) / "node" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (390, 820, 1440)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    production = read_sources(ROOT, ["production"])["production"]
    text = render(
        Subject(verdict("production"), picture(), production, facts=FACTS),
        Subject(verdict("staging", ("F01", "F04b")), picture()),
        proof=MATRIX,
        provenance=DIRTY,
    )
    path.write_text(text, encoding="utf-8")
    return path


def complaints(page: Page) -> list[object]:
    methods = ("Log.entryAdded", "Runtime.exceptionThrown", "Network.loadingFailed")
    return [event["params"] for event in page.events if event.get("method") in methods]


def asked_for(page: Page) -> list[str]:
    requests = (e for e in page.events if e.get("method") == "Network.requestWillBeSent")
    return [event["params"]["request"]["url"] for event in requests]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_page_fits_and_loads_no_resource(page: Page, report: Path, width: int, scheme: str) -> None:
    page.open(report, width, scheme)
    assert page.ask("document.title").startswith("finbase evidence: production, staging")
    page.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.ask("innerWidth") == width
    room = page.ask("document.documentElement.clientWidth")
    assert page.ask("document.documentElement.scrollWidth") == room
    assert asked_for(page) == [report.as_uri()]
    assert complaints(page) == []
    paper = page.ask("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]


@pytest.mark.parametrize("width", WIDTHS)
def test_pictures_are_legible(page: Page, report: Path, width: int) -> None:
    """The smallest text is never smaller than 10 pixels: a narrow page scrolls its pictures."""
    page.open(report, width)
    scales = page.ask(
        "[...document.querySelectorAll('svg')].map(e => e.getBoundingClientRect().width /"
        " e.viewBox.baseVal.width)"
    )
    assert len(scales) == 8
    assert min(scales) * 11 >= 10
    overflowing = page.ask(
        "[...document.querySelectorAll('svg text')].filter(e => {"
        " const t = e.getBBox(), v = e.ownerSVGElement.viewBox.baseVal;"
        " return t.x < 0 || t.x + t.width > v.width || t.y < 0 || t.y + t.height > v.height })"
        ".map(e => e.textContent)"
    )
    assert overflowing == []


@pytest.mark.parametrize(("width", "media"), [(390, "screen"), (820, "screen"), (820, "print")])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, report: Path, scheme: str, width: int, media: str) -> None:
    """Contrast, names, structure and reading order, with every finding open."""
    page.open(report, width, scheme, media)
    page.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.ask(AXE.read_text(encoding="utf-8") + "; 0")
    found = page.ask(
        "axe.run().then(all => [all.passes.length, all.violations.map(each => [each.id,"
        " each.nodes.length, each.nodes[0].html.slice(0, 200), each.nodes[0].failureSummary])])"
    )
    assert found[1] == []
    assert found[0] > 20


@pytest.mark.parametrize("width", WIDTHS)
def test_columns_are_not_cut_without_a_scrollbar(page: Page, report: Path, width: int) -> None:
    """A table or a picture that is wider than the page scrolls inside of its own frame."""
    page.open(report, width)
    page.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
    cut = page.ask(
        "[...document.querySelectorAll('main *')].filter(e => {"
        " const r = e.getBoundingClientRect();"
        " return r.right > document.documentElement.clientWidth + 1 && !e.closest('.scroll') })"
        ".map(e => e.outerHTML.slice(0, 100))"
    )
    assert cut == []
    hidden = page.ask(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth"
        " && getComputedStyle(e).overflowX != 'auto').length"
    )
    assert hidden == 0


def test_narrow_page_has_a_block_per_row(page: Page, report: Path) -> None:
    """No table scrolls sideways, and each value has the name of its column beside it."""
    page.open(report, 390)
    page.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
    scrolling = page.ask(
        "[...document.querySelectorAll('.scroll:has(table)')]"
        ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)"
    )
    assert scrolling == []
    labels = page.ask(
        "[...document.querySelectorAll('.stack td:not(.blank)')]"
        ".map(e => getComputedStyle(e, '::before').content)"
    )
    assert '"what remains"' in labels
    assert not {'""', "none"} & set(labels)
    page.open(report, 820)
    assert page.ask("getComputedStyle(document.querySelector('.stack td')).display") == "table-cell"


def test_paper_is_short(page: Page) -> None:
    """The sample is about 210 resources; its lines of HCL alone would be more than 80 pages."""
    page.open(ROOT / "docs" / "evidence" / "samples" / "report.html", 800, media="print")
    lines = "document.querySelectorAll('.excerpt pre')"
    assert page.ask(f"[...{lines}].filter(e => e.checkVisibility()).length") == 0
    assert "file and a line of the commit" in page.ask("document.body.innerText")
    printed = page.send("Page.printToPDF", preferCSSPageSize=True)["data"]
    pages = re.findall(rb"/Type\s*/Page\b", base64.b64decode(printed))
    assert 20 < len(pages) < 55


def test_from_the_glance_to_the_evidence(page: Page, report: Path) -> None:
    page.open(report, 1280)
    page.click('a[href="#staging-F04b"]')
    assert page.ask("location.hash") == "#staging-F04b"
    top = page.ask("document.getElementById('staging-F04b').getBoundingClientRect().top")
    assert 0 <= top < 100
    # What has failed is open already; what has not opens by a click, and closes by another.
    assert page.ask("document.querySelector('#staging-F04b details').open") is True
    for expected in (True, False):
        page.click("#production-F04a summary")
        assert page.ask("document.querySelector('#production-F04a details').open") is expected


@pytest.mark.parametrize("link", [".seen a", "#production--resources + details a"])
def test_page_link_leads_to_an_excerpt(page: Page, report: Path, link: str) -> None:
    """The report may be all that a reader has, so no link leaves it; a link opens its target."""
    page.open(report, 1280)
    page.ask("document.querySelectorAll('details').forEach(each => { each.open = true })")
    page.ask("document.querySelector('#sources details').open = false")
    page.click(link)
    assert page.ask("location.hash").startswith("#source-modules-")
    assert page.ask("document.querySelector('#sources details').open") is True
    top = page.ask("document.querySelector(location.hash).getBoundingClientRect().top")
    assert 0 <= top < 900
    assert asked_for(page) == [report.as_uri()]


def test_by_keyboard_alone(page: Page, report: Path) -> None:
    page.open(report, 1280)
    page.press("Tab", 9)
    assert page.ask("document.activeElement.textContent") == "Skip to the evidence"
    assert page.ask("document.activeElement.getBoundingClientRect().left") > 0
    page.press("Enter", 13, "\r")
    assert page.ask("document.activeElement.id") == "content"
    for _ in range(200):
        page.press("Tab", 9)
        if page.ask("document.activeElement.localName") == "summary":
            break
    outline = page.ask("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.press("Enter", 13, "\r")
    assert page.ask("document.activeElement.parentElement.open") is True


def test_paper_shows_what_is_folded(page: Page, report: Path) -> None:
    page.open(report, 800, media="print")
    hidden = page.ask(
        "[...document.querySelectorAll('details:not([open]) > .scenario')]"
        ".filter(e => !e.checkVisibility({contentVisibilityAuto: true})).length"
    )
    assert hidden == 0
    assert page.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    page.open(report, 800)
    assert (
        page.ask(
            "document.querySelector('details:not([open]) > .scenario')"
            ".checkVisibility({contentVisibilityAuto: true})"
        )
        is False
    )


def test_hostile_text_is_only_text(page: Page, tmp_path: Path) -> None:
    hostile = "</style><script>document.title = 'taken'</script><img src=x onerror=alert(1)>"
    path = tmp_path / "report.html"
    subject = Subject(verdict(hostile, ("F01",), hostile), picture(hostile))
    path.write_text(render(subject), encoding="utf-8")
    page.open(path, 800)
    assert page.ask("document.title").startswith(f"finbase evidence: {hostile}")
    assert page.ask("document.querySelectorAll('script, img').length") == 0
    assert page.ask("document.querySelectorAll('svg').length") == 4
    assert (asked_for(page), complaints(page)) == ([path.as_uri()], [])


def test_page_policy_blocks_scripts(page: Page, report: Path, tmp_path: Path) -> None:
    """Were something not escaped one day, the browser would still not run or load it."""
    text = report.read_text(encoding="utf-8")
    path = tmp_path / "report.html"
    evil = "<script>document.title = 'taken'</script><style>body { color: red }</style>"
    path.write_text(text.replace("</body>", f"{evil}</body>"), encoding="utf-8")
    page.open(path, 800)
    assert page.ask("document.title").startswith("finbase evidence")
    assert page.ask("getComputedStyle(document.body).color") == "rgb(27, 29, 32)"
    assert len(complaints(page)) == 2
