"""Bytes of an environment file → an environment or diagnostics, and nothing else.

atheris changes real files and the corpus of the tests, led by what code that reaches; every
other change is one of whole lines and words, so that the rules are reached as well.
"""

from __future__ import annotations

import random
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]

if TYPE_CHECKING:
    from collections.abc import Callable

    from finbase.contract.registry import Registry

SECONDS = 2.0  # of processor time, with the tracing of atheris
MIB = 300
_WORDS = (
    *(
        "true",
        "null",
        "~",
        "0",
        "-1",
        "1.20",
        "010",
        "1e5",
        "{}",
        "[]",
        "''",
        '"',
        "|",
        ">",
        "- ",
        "? ",
    ),
    *(
        "&a ",
        "*a",
        "!!str ",
        "!x ",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "# ",
        ": ",
        ",",
        "\t",
        "\r\n",
    ),
    *(
        "0.0.0.0/0",
        "10.20.0.0/16",
        "10.20.0.0/33",
        "::1/64",
        "1.0.0",
        "9.9.9",
        "mon:23:30-tue:00:30",
    ),
    *(
        "${x}",
        "%{if}",
        "{{ 7 }}",
        "\u202e",
        "\0",
        "\ud7ff",
        "é",
        "x" * 300,
        "eu-west-1a",
        "db.t4g.micro",
    ),
)


class WrongError(Exception):
    """A place outside of the file, a message that cannot be shown, a long wait."""


def examine(data: bytes) -> str:
    """Read the bytes, and say how it went: an environment, or the codes that were found.

    Raises ``WrongError``, or whatever else the product raises.
    """
    from finbase.environment.load import read
    from finbase.errors import InputError
    from finbase.render.stack import render_stacks

    begun = time.process_time()
    try:
        environment = read("environments/production.yaml", data, _registry(), ROOT)
    except InputError as error:
        outcome = " ".join(sorted({each.code for each in error.diagnostics}))
        if not error.diagnostics or len(error.diagnostics) > 101:
            raise WrongError(f"{len(error.diagnostics)} diagnostics") from error
        lines = data.decode("utf-8", errors="replace").removeprefix("\ufeff").split("\n")
        for each in error.diagnostics:
            if not 1 <= each.line <= len(lines):
                raise WrongError(f"line {each.line} of {len(lines)}: {each}") from error
            if not 1 <= each.column <= len(lines[each.line - 1]) + 1:
                raise WrongError(
                    f"column {each.column} of {lines[each.line - 1]!r}: {each}"
                ) from error
            for text in (each.message, each.hint or ""):
                if not text.isprintable() or len(text) > 600:
                    raise WrongError(f"cannot be shown: {text!r}") from error
    else:
        outcome = "fine"
        render_stacks([environment], ROOT)
    if (spent := time.process_time() - begun) > SECONDS:
        raise WrongError(f"{spent:.1f} seconds")
    return outcome


def changed(data: bytes, drawn: random.Random) -> bytes:
    """Change lines and words of a text."""
    lines = data.decode("utf-8", errors="replace").split("\n")
    for _ in range(drawn.randint(1, 3)):
        at, other = drawn.randrange(len(lines)), drawn.randrange(len(lines))
        word = drawn.choice(_WORDS)
        match drawn.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[other])
            case 2:
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                lines[at] = " " * drawn.randint(0, 6) + lines[at].lstrip()
            case 4:
                lines[at] = lines[at].partition(":")[0] + ": " + word
            case 5:
                column = drawn.randint(0, len(lines[at]))
                lines[at] = lines[at][:column] + word + lines[at][column:]
            case 6:
                lines[at] = lines[at].partition(":")[0] + ":" + lines[other].partition(":")[2]
            case _:
                lines[at] = lines[at][: drawn.randint(0, len(lines[at]))]
        lines = lines or [""]
    return "\n".join(lines).encode("utf-8", errors="replace")


def seeds() -> list[bytes]:
    """Real files, and those of the tests."""
    folders = [ROOT / "environments", ROOT / "tests" / "corpus", Path(__file__).parent / "corpus"]
    return [path.read_bytes() for each in folders for path in sorted(each.rglob("*.yaml"))]


def main(seconds: float, seed: int) -> int:
    """Run the campaign; libFuzzer ends the process, with 0 where nothing was found."""
    import atheris

    with atheris.instrument_imports(include=["finbase"]):
        _warm()
    folder = ROOT / "build" / "fuzz"
    corpus = folder / "yaml"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds()):
        (corpus / f"seed-{number:03}").write_bytes(data)

    def mutate(data: bytes, most: int, number: int) -> bytes:
        drawn = random.Random(number)
        if drawn.random() < 0.5:
            return changed(data, drawn)[:most]
        mutated: bytes = atheris.Mutate(data, most)
        return mutated

    options = [
        *(f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-max_len=20000", "-timeout=20"),
        *(f"-rss_limit_mb={MIB + 200}", f"-malloc_limit_mb={MIB}", "-print_final_stats=1"),
        f"-artifact_prefix={folder}/yaml-",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], _examined(), custom_mutator=mutate)
    atheris.Fuzz()
    return 0


def _examined() -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        examine(data)

    return one


@cache
def _registry() -> Registry:
    from finbase.contract.registry import Registry

    return Registry(ROOT)


def _warm() -> None:
    """Load all that is loaded on demand, so that it is traced and its time is not counted."""
    for path in sorted((ROOT / "environments").glob("*.yaml")):
        examine(path.read_bytes().replace(path.stem.encode(), b"production"))
