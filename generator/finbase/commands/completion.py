"""``finbase completion``, and what bash needs beyond click."""

from __future__ import annotations

import os

import click
from click import shell_completion
from click.shell_completion import BashComplete, CompletionItem

__all__ = ["completion"]

_BASH = """\
_finbase_completion() {
    local IFS=$'\\n' type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(
        env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
            _FINBASE_COMPLETE=bash_complete "$1" 2>/dev/null
    )
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *. ]] && compopt -o nospace
    return 0
}

complete -o nosort -F _finbase_completion finbase
"""


class Bash(BashComplete):
    """Completion for bash 4.4 or newer, of words in which bash sees several, too.

    For bash ``database@1.0.0`` is two words, and only the last is completed; click would take it
    for a word of its own.
    """

    def source(self) -> str:
        """Write the script; unlike click's, it does not ask for bash to be installed here."""
        return _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Read the line up to the cursor."""
        line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode()
        words = shell_completion.split_arg_string(line)[1:]
        if not line or line[-1].isspace():
            return words, ""
        return words[:-1], words[-1] if words else ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Complete the whole word, and leave out of each answer what bash has already."""
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        found = super().get_completions(args, incomplete)
        _, equals, value = incomplete.partition("=")
        word = value if equals and incomplete.startswith("--") else incomplete
        # Readline begins a new word after each of these, but keeps an @ at its head.
        known = max([0, *(word.rfind(sign) + (sign != "@") for sign in breaks)])
        for item in found:
            item.value = item.value[known:]
        return found


shell_completion.add_completion_class(Bash)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and the names of the project.

    Put the matching line into the start-up file of your shell, or save the script where it looks
    for completions. Bash has to be 4.4 or newer.

    \b
    Examples:
      finbase completion bash
      finbase completion zsh
      finbase completion fish
      eval "$(finbase completion bash)"                                # in ~/.bashrc
      eval "$(finbase completion zsh)"                                 # in ~/.zshrc
      finbase completion fish > ~/.config/fish/completions/finbase.fish
    """
    found = shell_completion.get_completion_class(shell)
    assert found is not None  # noqa: S101
    click.echo(found(ctx.find_root().command, {}, "finbase", "_FINBASE_COMPLETE").source())
