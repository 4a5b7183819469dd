"""The command line: one module per command, imported when the command is called."""

from __future__ import annotations

import click

from .. import __version__
from .group import LazyGroup

FIRST_STEPS = """\
dmft: a numerical laboratory for the dynamics of learning

Try first:
  dmft solve --alpha 2.0          solve the theory of stochastic gradient descent
  dmft compare --size 500,1000    the theory against simulations of finite size
  dmft models                     what else can be solved

dmft --help lists all commands, dmft COMMAND --help their options."""


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="dmft", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Dynamical mean-field theory of learning dynamics, and its simulation at finite size.

    Exit codes: 0 done; 1 error; 2 wrong use or a bad parameter; 3 not converged or diverged (the file is still
    written); 4 theory and simulation deviate, or nothing could be compared (compare --check), or a claim fails that
    held (reproduce); 5 a sweep has failed points; 130 interrupted by Ctrl-C or SIGTERM (what was finished is written).
    """
    if ctx.invoked_subcommand is None:
        click.echo(FIRST_STEPS)


def main() -> None:
    """Entry point of the command ``dmft``."""
    cli.main()
