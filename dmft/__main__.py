"""``python -m dmft`` is the command ``dmft``."""

from .cli import main

main()
