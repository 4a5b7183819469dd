"""``dmft completions``: what makes a shell complete commands, slugs, options and values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ..errors import UnknownNameError
from .group import COMPLETE_VARIABLE

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completions", short_help="Print the completion script of a shell.")
@click.argument("shell", metavar="bash|zsh|fish", shell_complete=lambda ctx, param, incomplete: list(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a shell.

    bash: eval "$(dmft completions bash)" in ~/.bashrc; zsh the same in ~/.zshrc;
    fish: dmft completions fish > ~/.config/fish/completions/dmft.fish
    """
    kind = get_completion_class(shell)
    if shell not in SHELLS or kind is None:
        raise UnknownNameError("shell", shell, SHELLS)
    click.echo(kind(ctx.find_root().command, {}, "dmft", COMPLETE_VARIABLE).source())
    return 0
