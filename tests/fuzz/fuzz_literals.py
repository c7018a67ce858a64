"""Values → HCL literals → Terraform: what is read back is what was written, in batches.

hypothesis draws the values, from the seed and the number of the batch alone. One plan without
any provider reads a batch of some five hundred; `terraform fmt` must find nothing to change.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from finbase.render.hcl import attributes
from finbase.terraform.program import find_terraform, isolated_environ
from tests.fuzz.fast_judge import ROOT

BATCH = 500
_PARTS = [
    *("$", "%", "{", "}", "~", "\\", '"', "'", "`", "a", "\n", "\r", "\t", " ", "#", "//", "/*"),
    *("${x}", "%{if}", "$${", "%%{", "<<EOT", "\\u0041", "\\$", "*/", "=", "=>", "...", "[", "]"),
    *("\u202e", "\u0301", "e\u0301", "é", "\u1e9b\u0323", "😀", "\0", "\x7f", "\x85", "\ufeff"),
    *("\u2028", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "\U0001f468\u200d\U0001f469"),
]
_NAMES = ["for", "if", "null", "true", "each", "a-b", "_", "1", "a.b", "${k}", ""]
_texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(_PARTS), max_size=12).map("".join),
    st.text(st.sampled_from('$%{}\\"~'), max_size=30),
    st.sampled_from(_NAMES),
).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text))
_numbers = st.one_of(
    st.integers(-(10**18), 10**18),
    st.integers(-(10**100), 10**100),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**9), 10**9, places=6).map(float),
)
_scalars = st.one_of(st.none(), st.booleans(), _numbers, _texts)
VALUES = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(_texts, inner, max_size=8),
    max_leaves=20,
)


def drawn(number: int, count: int = BATCH) -> list[Any]:
    """The values of a batch, the same each time."""
    values: list[Any] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(VALUES)
    def draw(value: Any) -> None:
        values.append(value)

    draw()
    return values


def canonical(value: Any, *, written: bool) -> Any:
    """A form in which a value equals what is read back of it.

    Terraform keeps text in Unicode's composed form, and a number as its decimal digits: of
    1e300 it writes all 301, which is not the very integer that a float stands for.
    """
    match value:
        case str():
            return unicodedata.normalize("NFC", value) if written else value
        case dict():
            return {
                canonical(key, written=written): canonical(each, written=written)
                for key, each in value.items()
            }
        case list():
            return [canonical(each, written=written) for each in value]
        case bool() | None:
            return (value,)
    return Decimal(repr(value)) + 0


def read_back(values: Sequence[Any]) -> list[Any]:
    """Let Terraform read the literals; raises ``ValueError`` with what it says against them."""
    terraform = find_terraform()

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [terraform.path, *arguments],
            cwd=folder,
            env=isolated_environ(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode != 0:
            raise ValueError(f"terraform {arguments[0]}: {done.stdout[:300]}{done.stderr[:2000]}")
        return done.stdout

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        text = f'output "values" {{\n{attributes({"value": list(values)}, 2)}\n}}\n'
        (folder / "main.tf").write_text(text, encoding="utf-8", newline="\n")
        run("fmt", "-check", "-diff")
        run("plan", "-out=plan.tfplan")
        plan = json.loads(run("show", "-json", "plan.tfplan"))
        found: list[Any] = plan["planned_values"]["outputs"]["values"]["value"]
        return found
    finally:
        shutil.rmtree(folder)


def same(value: Any, back: Any) -> bool:
    """Whether what was read back is what was written."""
    with localcontext(prec=500):
        return bool(canonical(value, written=True) == canonical(back, written=False))


def wrong(values: Sequence[Any]) -> list[tuple[Any, str]]:
    """The values that do not come back, each with what came instead."""
    try:
        found = read_back(values)
    except ValueError as error:
        if len(values) == 1:
            return [(values[0], str(error))]
        half = len(values) // 2
        return wrong(values[:half]) + wrong(values[half:])
    pairs = zip(values, found, strict=True)
    return [(value, f"came back as {back!r}") for value, back in pairs if not same(value, back)]


def main(seconds: float, number: int) -> int:
    """Read batches until the time is up; 1 where a value did not come back."""
    end, batches, count = time.monotonic() + seconds, 0, 0
    failures: list[tuple[Any, str]] = []
    while time.monotonic() < end:
        values = drawn(number * 1_000_000 + batches)
        failures += wrong(values)
        batches, count = batches + 1, count + len(values)
    print(f"{count} literals in {batches} batches, seed {number}: {len(failures)} wrong")
    kept = ROOT / "build" / "fuzz" / "literals.jsonl"
    for value, why in failures[:100]:
        print(repr(value), why)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with kept.open("a") as file:
            file.write(json.dumps([value, why]) + "\n")
    return 1 if failures else 0
