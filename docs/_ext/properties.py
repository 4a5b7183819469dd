"""Read the docstring of a property like that of a function.

Napoleon takes the text before the first colon of a property for its type ("Exit code of the command line: 0,
3 …") and leaves sections such as Raises unread. Both are right for Google's style only.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import NumpyDocstring


def setup(app: Sphinx) -> dict[str, bool]:
    original = NumpyDocstring.__init__

    def patched(self: Any, docstring: Any, config: Any = None, app: Any = None, what: str = "", *rest: Any) -> None:
        original(self, docstring, config, app, "method" if what == "property" else what, *rest)

    NumpyDocstring.__init__ = patched  # type: ignore[method-assign]
    return {"parallel_read_safe": True}
