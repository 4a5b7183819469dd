"""A page in a real browser without a window: screenshot, pictures that did not load, what the console said.

Also a script: ``python tests/browser.py PAGE.html SHOT.png [WIDTH HEIGHT]`` prints what it found, exit code 1 if bad.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: Milliseconds that a page gets for scripts and pictures.
BUDGET = 10_000
#: Written into a copy of the page: what only a browser knows, as JSON in an attribute.
PROBE = """
<script>
window.addEventListener("load", function () {
  var pictures = Array.from(document.images);
  var facts = {
    pictures: pictures.length,
    broken: pictures.filter(p => !p.complete || p.naturalWidth === 0).map(p => (p.currentSrc || p.src).slice(0, 200)),
    external: performance.getEntriesByType("resource").map(e => e.name)
      .filter(name => !name.startsWith("data:") && !name.startsWith("file:")),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    unlabelled: pictures.filter(p => !p.alt).length,
  };
  document.documentElement.setAttribute("data-probe", JSON.stringify(facts));
});
</script>
"""


@dataclass(frozen=True)
class Seen:
    """What a browser found on a page.

    Attributes
    ----------
    pictures : int
        Number of images.
    broken : list of str
        Addresses of images that could not be shown.
    external : list of str
        Addresses that were asked for over the network.
    overflow : int
        Pixels by which the page is wider than the window.
    unlabelled : int
        Images without words for those who do not see them.
    console : list of str
        Errors and messages of the console.
    """

    pictures: int = 0
    broken: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    overflow: int = 0
    unlabelled: int = 0
    console: list[str] = field(default_factory=list)


def find() -> str | None:
    """The browser of this machine, if it has one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def look(page: Path, screenshot: Path, *, width: int = 1200, height: int = 900, timeout: float = 120.0) -> Seen:
    """Open `page`, write the picture of it to `screenshot` and tell what is wrong.

    Raises
    ------
    RuntimeError
        If the browser does not answer.
    """
    text = page.read_text(encoding="utf-8")
    probed = page.with_name(f".probe-{page.name}")  # beside it: relative addresses stay right
    try:
        end = "</head>" if "</head>" in text else "</html>"  # a page may leave out its head
        probed.write_text(text.replace(end, PROBE + end, 1), encoding="utf-8")
        dom, words = _run(probed, ["--dump-dom"], width, height, timeout)
    finally:
        probed.unlink(missing_ok=True)
    found = re.search(r'data-probe="([^"]*)"', dom)
    if found is None:
        raise RuntimeError(f"no answer from the browser about {page}: {words[-500:]}")
    console = [match[1] for match in re.finditer(r"CONSOLE:\d+\] (.*)", words)]
    _run(page, [f"--screenshot={screenshot}"], width, height, timeout)
    return Seen(**json.loads(html.unescape(found[1])), console=console)


def _run(page: Path, words: list[str], width: int, height: int, timeout: float) -> tuple[str, str]:
    program = find()
    if program is None:
        raise RuntimeError(f"no browser found: install one of {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
            "--v=0", f"--user-data-dir={profile}", f"--window-size={width},{height}",
            f"--virtual-time-budget={BUDGET}", *words, page.resolve().as_uri(),
        ]  # fmt: skip
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout)
    return answer.stdout, answer.stderr


def main(page: str, screenshot: str, width: str = "1200", height: str = "900") -> int:
    """The script."""
    seen = look(Path(page), Path(screenshot), width=int(width), height=int(height))
    print(json.dumps(seen.__dict__, indent=1))
    return int(bool(seen.broken or seen.console or seen.overflow > 0))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
