"""Whether a command has the subcommands and options that a page uses, without running it.

The options of finbase come from click, those of Terraform from its help, those of ``make`` from the
Makefile, and those of the AWS CLI from the service models that boto3 ships.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import click

from finbase.cli import main
from finbase.terraform.program import find_terraform
from tests.support.commands import ROOT

# What has no options to get wrong, or whose options people know better than a list here would.
_PLAIN: Final = frozenset(
    "cat cd cp dot echo export git grep ls mkdir mv openssl pip python3 rm sed tail test "
    "xargs".split()
)
_SEPARATORS: Final = frozenset({"&&", "||", "|", ";"})
_AWS_GLOBAL: Final = frozenset({"--query", "--output", "--region", "--profile", "--no-cli-pager"})


def faults(command: str) -> Iterator[str]:
    """Yield what is wrong with a line of shell; a comment at its end is not checked."""
    for words in _commands(command):
        program, *arguments = words
        match program.removeprefix(".venv/bin/"):
            case "finbase":
                yield from _finbase(main, arguments)
            case "terraform" | "tofu":
                yield from _terraform(arguments)
            case "make":
                yield from _make(arguments)
            case "aws":
                yield from _aws(arguments)
            case ".venv-3.13/bin/python" | "terraform-compliance" | "pre-commit" | "sha256sum":
                pass
            case "pytest":
                paths = [word for word in arguments if word.startswith("tests/")]
                yield from (f"there is no {path}" for path in paths if not (ROOT / path).exists())
            case "eval":
                yield from faults(" ".join(arguments).removeprefix("$(").removesuffix(")"))
            case known if known in _PLAIN:
                pass
            case unknown:
                yield f"{unknown} is not a program that the pages use"


def _commands(line: str) -> Iterator[list[str]]:
    """Split a line at ``&&``, ``|`` and the like; redirections and assignments are left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list[str]()
    tokens = list(lexer)
    while tokens:
        token = tokens.pop(0)
        if token in _SEPARATORS:
            yield words
            words = []
        elif set(token) <= set("<>&"):
            tokens.pop(0)
        elif words or not re.fullmatch(r"[A-Z_]+=.*", token):
            words.append(token)
    if words:
        yield words


def _finbase(command: click.Command, arguments: Sequence[str]) -> Iterator[str]:
    context = click.Context(command, info_name=command.name)
    try:
        values, rest, _ = command.make_parser(context).parse_args(list(arguments))
    except click.UsageError as error:
        yield error.format_message()
        return
    if isinstance(command, click.Group):
        if values.get("help") or values.get("version") or not rest:
            return
        below = command.get_command(context, rest[0])
        if below is None and (default := getattr(command, "default", None)):
            below, rest = command.get_command(context, default), ["", *rest]
        if below is None:
            yield f"finbase has no command {rest[0]}"
        else:
            yield from _finbase(below, rest[1:])
    elif rest:
        yield f"{command.name} takes no argument {rest[0]}"


def _terraform(arguments: Sequence[str]) -> Iterator[str]:
    arguments = [word for word in arguments if not word.startswith("-chdir=")]
    path = [word for word in arguments if not word.startswith("-")]
    nested = path[:2] if path[0] in ("state", "providers") and len(path) > 1 else path[:1]
    text = _terraform_help(" ".join(nested))
    if not re.search(rf"^Usage: .*\b{' '.join(nested)}\b", text, re.M):
        yield f"terraform has no {' '.join(nested)}"
        return
    for word in arguments:
        if word.startswith("-") and not re.search(
            rf"^\s+{re.escape(word.split('=')[0])}\b", text, re.M
        ):
            yield f"terraform {' '.join(nested)} has no option {word}"


@cache
def _terraform_help(command: str) -> str:
    done = subprocess.run(
        [find_terraform().path, *command.split(), "-help"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def _make(arguments: Sequence[str]) -> Iterator[str]:
    makefile = (ROOT / "Makefile").read_text()
    for word in arguments:
        name = re.escape(word.partition("=")[0])
        known = rf"^{name} (\?|:)?= ?" if "=" in word else rf"^{name}:"
        if not re.search(known, makefile, re.M):
            yield f"the Makefile has no {word}"


def _aws(arguments: Sequence[str]) -> Iterator[str]:
    import botocore.session
    from botocore import xform_name

    service, operation, *rest = arguments
    if operation == "wait":
        waiters = botocore.session.get_session().get_waiter_model(service).waiter_names
        if rest[0] not in {xform_name(name, "-") for name in waiters}:
            yield f"aws {service} waits for no {rest[0]}"
        return
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation not in operations:
        yield f"aws {service} has no {operation}"
        return
    shape = model.operation_model(operations[operation]).input_shape
    members = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())}
    required = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else ())}
    used = {word for word in rest if word.startswith("--")}
    for word in sorted(used):
        positive = word.replace("--no-", "--", 1)
        if word not in members | _AWS_GLOBAL and positive not in members:
            yield f"aws {service} {operation} has no option {word}"
    for word in sorted(required - used):
        yield f"aws {service} {operation} needs {word}"
