"""``finbase completion``, and a fix of click's completion for bash."""

from __future__ import annotations

import os

import click
from click import shell_completion
from click.shell_completion import BashComplete, CompletionItem

from finbase.console.options import Choice

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
    """Completion for bash 4.4 or newer that also completes words with ``@`` or ``=``.

    Bash splits ``database@1.0.0`` into two words and completes only the last one; click would treat
    it as a separate argument.
    """

    def source(self) -> str:
        """Return the script; unlike click, do not require bash on this machine."""
        return _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, and the incomplete one."""
        line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode()
        words = shell_completion.split_arg_string(line)[1:]
        if not line or line[-1].isspace():
            return words, ""
        return words[:-1], words[-1] if words else ""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Complete the whole word, and strip the prefix that bash keeps from each answer."""
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        items = super().get_completions(args, incomplete)
        _, equals, value = incomplete.partition("=")
        word = value if equals and incomplete.startswith("--") else incomplete
        # Readline starts a new word after each of these signs, but keeps an @ as its first letter.
        start = max([0, *(word.rfind(sign) + (sign != "@") for sign in breaks)])
        for item in items:
            item.value = item.value[start:]
        return items


shell_completion.add_completion_class(Bash)


@click.command()
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and names of the project.

    Add the line for your shell to its start-up file, or save the script in its folder for
    completions. Bash must be version 4.4 or newer.

    \b
    Examples:
      finbase completion bash
      finbase completion zsh
      finbase completion fish
      eval "$(finbase completion bash)"                                # in ~/.bashrc
      eval "$(finbase completion zsh)"                                 # in ~/.zshrc
      finbase completion fish > ~/.config/fish/completions/finbase.fish
    """
    completion_class = shell_completion.get_completion_class(shell)
    assert completion_class is not None  # noqa: S101
    click.echo(
        completion_class(ctx.find_root().command, {}, "finbase", "_FINBASE_COMPLETE").source()
    )
