"""The words that readers misunderstood do not come back.

The list is short on purpose: a word is on it because a plainer one always fits. ``QUOTED`` has the
quotations of other tools and formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.commands import ROOT

PLAIN = {
    r"tell|tells|telling|told|untold": "report, show, say",
    r"mend|mends|mended|mending": "fix",
    r"lies there|lie there|lay there": "exists; the files on disk",
    r"anew": "again",
    r"begin|begins|began|begun": "start, create",
    r"whoever|whatever": "the caller, the user, any",
    r"held to|held against": "checked against, limited to",
    r"way out|ways out": "fix",
    r"things?": "resource, value, file",
    r"(?:as it is|as they are)(?! [a-z]+ed)": "unchanged",
    r"by nature": "inherently",
    r"where there (?:is|are) (?:none|no)": "if there is none",
    r"(?<![Tt]here )(?:is|are) no(?! longer| more)": "is not a, has no",
    r"to be had": "available",
}
"""A word or phrase that the project does not use → what it uses instead."""

IN_CODE = {
    r"gives?|gave|(?-i:given)": "return, pass, set, the",
    r"wants|asks|knows": "requires, supports",
}
"""The same for code and messages, where programs and functions are the subjects."""

QUOTED = {
    "docs/explanation/releases.md": "whoever reaches the cache|nothing is made anew",
    "docs/reference/rules.md": r"^\| `[a-z_.]+` \|",
    "features/steps/checks/stack.py": "import .*given|@given",
    "generator/finbase/sandbox/refusals/rds.py": "Identifiers must begin|cannot be used as it is",
}
"""A folder or file → text of another tool or format in it, which the check skips."""

SCANNED = (
    ".github",
    "generator",
    "features",
    "docs",
    "tests/support",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)
MADE = (ROOT / "docs" / "reference" / "modules", ROOT / "docs" / "evidence" / "samples")
"""Files made from released contracts, which never change, and from files that are scanned here."""

TEXT = {".py", ".md", ".feature", ".yaml", ".yml", ".json", ".j2", ".css", ".html", ".svg"}


def _compile(words: dict[str, str]) -> dict[str, re.Pattern[str]]:
    """Compile patterns in which a word ends where letters end: identifiers count as well."""
    return {
        plain: re.compile(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", re.IGNORECASE)
        for word, plain in words.items()
    }


_WORDS = _compile(PLAIN)
_CODE_WORDS = _compile(PLAIN | IN_CODE)
# One search of a whole text, most of which have none: it takes a third of the time.
(_ANY,) = _compile({"|".join(PLAIN | IN_CODE): ""}).values()


def files() -> Iterator[Path]:
    for name in SCANNED:
        path = ROOT / name
        found = sorted(path.rglob("*")) if path.is_dir() else (path,)
        text = (file for file in found if file.suffix in TEXT)
        yield from (file for file in text if not any(map(file.is_relative_to, MADE)))


def misused(text: str, *, code: bool = True, quoted: str = "") -> list[str]:
    """Return ``line: word; write …`` for each misused word of a text.

    >>> misused("a = 1  # What the caller is told.")
    ['1: told; write report, show, say']
    """
    lines = enumerate(text.splitlines() if _ANY.search(text) else (), start=1)
    return [
        f"{number}: {match[0]}; write {plain}"
        for number, line in lines
        if not (quoted and re.search(quoted, line))
        for plain, pattern in (_CODE_WORDS if code else _WORDS).items()
        for match in pattern.finditer(line)
    ]


def test_language_is_plain() -> None:
    found: dict[str, list[str]] = {}
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        quoted = "|".join(text for place, text in QUOTED.items() if name.startswith(place))
        text = path.read_text(encoding="utf-8")
        found[name] = misused(text, code=path.suffix != ".md", quoted=quoted)
    assert len(found) > 500
    assert {name: words for name, words in found.items() if words} == {}


def test_language_check_finds_each_word() -> None:
    sentence = "It tells what lies there, as it is: no way out is to be had by nature."
    assert len(misused(sentence, code=False)) == 6
    assert len(misused("It gives what it knows.")) == 2
    assert misused("Given a stack, nothing is missing. The gateway is no longer there.") == []


def test_names_of_tests_are_plain() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    names = [n for text in texts.values() for n in re.findall(r"\bdef (test_\w+)", text)]
    assert len(names) > 1000
    assert [name for name in names if misused(name)] == []
