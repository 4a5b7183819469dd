"""Sphinx settings. Build: ``sphinx-build -W --keep-going -n docs docs/_build/html``."""

import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import dmft
from dmft.solvers.marching import response

project = "dmft"
author = "The dmft developers"
copyright = author
release = version = dmft.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "declared",
    "gallery",
    "properties",
]
exclude_patterns = ["_build"]
default_role = "literal"
numfig = True
math_number_all = False
math_eqref_format = "({number})"

# numbers in the text that the code decides
rst_epilog = f"""
.. |auto_ratio| replace:: {response.AUTO_RATIO:g}
.. |auto_least| replace:: {response.AUTO_LEAST}
"""

html_theme = "furo"
html_title = "dmft"
html_static_path = ["_static"]

# MathJax is part of the built pages: readers without a network see formulas, and no third party sees readers. Glyphs
# are drawn as SVG in this one file, because browsers do not load fonts beside pages that are opened as files.
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg.js"
html_static_path.append(str(MATHJAX))
mathjax_path = MATHJAX.name
mathjax3_config = {"svg": {"scale": 0.92}}

autodoc_typehints = "none"  # the numpydoc sections say it in words
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
napoleon_use_ivar = True

# References by full name must resolve. Unqualified ones in docstrings are prose: types of numpydoc sections
# ("iterable of int") and neighbours that Python itself would find (":class:`Curve`").
nitpick_ignore_regex = [("py:.*", r"(?!dmft\.).*")]
