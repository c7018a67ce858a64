"""The manual page, ``man finbase``: every command on one page that can be searched, from click."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import metadata

import click

from finbase.cli import main

__all__ = ["page"]

_DESCRIPTION = """\
Turns one YAML file per environment into versioned Terraform, plans it with no AWS account and no
network, and proves that the failures of the catalogue are not in the plan.

Without `--project` a command works on the project that it is called in, at any depth. Errors are
told as `path:line:column: what is wrong`, all at once, with a hint at what to do.

`finbase completion bash`, `zsh` or `fish` prints the script that completes all of this.
"""

_EXIT = (
    ("0", "All is well."),
    ("1", "Something was found: a failure, a difference, a loss, what is outdated or missing."),
    ("2", "Wrong usage or input; or Terraform, git or another program is missing or failed."),
    ("130", "Interrupted; nothing is left running."),
    ("141", "Whoever read standard output left before its end."),
)
_ENVIRONMENT = (
    ("FINBASE_TERRAFORM", "The Terraform or OpenTofu to use, in place of the first on PATH."),
    ("FINBASE_CACHE", "0 so that `finbase check` remembers no verdict, and 1 so that it does."),
    ("NO_COLOR", "If it is set, nothing is coloured."),
    ("CLICOLOR_FORCE", "If it is set, and not 0, pipes get colour, too."),
    ("CI", "If it is set, no progress is shown, and no verdict is remembered."),
    ("SOURCE_DATE_EPOCH", "The day of a release, in seconds since 1970, in place of today."),
    ("TF_CLI_CONFIG_FILE, TF_PLUGIN_CACHE_DIR", "As in Terraform: where the provider comes from."),
    (
        "XDG_CACHE_HOME, XDG_STATE_HOME",
        "Where contracts, compiled templates and verdicts are remembered.",
    ),
)
_FILES = (
    ("environments/ENV.yaml", "What people write: an environment."),
    ("environments/ENV/", "The stack that it renders to; Terraform runs there."),
    ("modules/NAME/VERSION/", "Rendered modules; a released one never changes."),
    ("modules/releases.lock", "The hash of each release."),
    ("templates/", "What modules and stacks are rendered from."),
    ("features/", "The catalogue of failures, its scenarios and mutations."),
)


def page() -> str:
    """Write the page as man(7) source; the same for the same version of finbase."""
    context = click.Context(main, info_name="finbase", **main.context_settings)
    parts = [
        f'.TH FINBASE 1 "" "finbase {metadata.version("finbase")}" "User Commands"',
        ".SH NAME",
        f"finbase \\- {_escaped(_summary(main)[:1].lower() + _summary(main)[1:])}",
        ".SH SYNOPSIS",
        *_usage(main, context),
        ".SH DESCRIPTION",
        *_paragraphs(_DESCRIPTION),
        ".SH OPTIONS",
        *_options(main, context),
        ".SH COMMANDS",
        _marked("Each takes the options `--quiet`, `--verbose` and `--help`, too."),
        *_commands(main, context),
        ".SH EXIT STATUS",
        *_list(_EXIT),
        ".SH ENVIRONMENT",
        *_list(_ENVIRONMENT),
        ".SH FILES",
        *_list(_FILES),
        ".SH SEE ALSO",
        "\\fBterraform\\fR(1), \\fBtofu\\fR(1), \\fBgit\\fR(1)",
    ]
    return "\n".join(parts) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        below = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from _commands(command, below)
            continue
        yield f'.SS "{_escaped(below.command_path)}"'
        yield from _usage(command, below)
        yield ".PP"
        yield from _paragraphs(inspect.cleandoc(command.help or ""))
        yield from _options(command, below)


def _usage(command: click.Command, context: click.Context) -> Iterator[str]:
    words = " ".join(_escaped(word) for word in command.collect_usage_pieces(context))
    yield f"\\fB{_escaped(context.command_path)}\\fR {words}"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    general = {"--quiet", "--verbose", "--help"} if context.parent else set()
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1] and not general & set(parameter.opts):
            flags = re.sub(r"(?<![\w-])(--?[\w-]+)", r"`\1`", record[0])
            yield from (".TP", _marked(flags), _marked(" ".join(record[1].split())))


def _paragraphs(text: str) -> Iterator[str]:
    """Write text as click lays it out: a paragraph after ``\\b`` keeps its lines."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        kept, lines = paragraph.startswith("\b"), paragraph.strip("\b\n").splitlines()
        if number:
            yield ".PP"
        if kept:
            yield from (_escaped(lines[0]), ".PP", ".RS 4", ".nf")
            yield from (_escaped(line.strip()) for line in lines[1:])
            yield from (".fi", ".RE")
        else:
            yield _marked(" ".join(line.strip() for line in lines))


def _list(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    for name, text in entries:
        yield from (".TP", f"\\fB{_escaped(name)}\\fR", _marked(text))


def _summary(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").splitlines()[0].rstrip(".")


def _marked(text: str) -> str:
    """Escape text, and make bold what stands in backticks."""
    parts = [_escaped(part) for part in text.split("`")]
    line = "".join(f"\\fB{part}\\fR" if n % 2 else part for n, part in enumerate(parts))
    return f"\\&{line}" if line.startswith(".") else line


def _escaped(text: str) -> str:
    """Make text that roff takes for nothing else, in ASCII."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
    safe = safe.replace("'", "\\(aq").replace('"', "\\(dq").replace("…", "...")
    return "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in safe)
