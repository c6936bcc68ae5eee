"""A report in a browser: no error, nothing fetched, every figure has a size, nothing wider than the page."""

import html
import json
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from spikeloom.show import page
from spikeloom.show.summary import Subject

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No process of a container's may need a sandbox or much shared memory; names lead nowhere.
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=2000",
    "--enable-logging=stderr",
    "--v=0",
)
# The page itself has no script; this stands in a copy of it, whose policy lets one run, and measures it.
MEASURE = """<script>
addEventListener("load", () => {
  const figures = [...document.querySelectorAll("svg.figure")].map((x) => x.getBoundingClientRect());
  const wide = [...document.querySelectorAll("body *")].filter((x) => !x.closest(".scroll, svg, .wide")
    && x.getBoundingClientRect().right > innerWidth + 1).map((x) => x.tagName + "." + x.className);
  const fetched = performance.getEntriesByType("resource").length;
  const sizes = figures.map((x) => [x.width, x.height]);
  document.body.dataset.measured = JSON.stringify({ sizes, wide, fetched });
});
</script></body>"""


@pytest.fixture
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium or Chrome on this machine: " + ", ".join(BROWSERS))
    return found


@pytest.fixture
def report(subject: Callable[..., Subject], tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(page.render(subject(("a", "b", "<script>alert(1)</script>", "d"))), encoding="utf-8")
    return path


def opened(browser: str, file: Path, tmp_path: Path, *options: str) -> tuple[str, str]:
    """What the browser writes to standard output, and what its console said."""
    command = [browser, *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}", *options, file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_a_report_opens_without_an_error_and_fetches_nothing(browser: str, report: Path, tmp_path: Path) -> None:
    dom, console = opened(browser, report, tmp_path, "--dump-dom")
    assert console == ""
    title = re.search(r"<title>(.*?)</title>", dom)
    assert title is not None
    assert title[1].startswith("mine · ")
    assert dom.rstrip().endswith("</html>")
    assert "<script" not in dom
    assert dom.count('<svg class="figure"') == report.read_text(encoding="utf-8").count('<svg class="figure"') >= 12


@pytest.mark.parametrize("width", [1300, 420])
def test_every_figure_has_a_size_and_nothing_is_wider_than_the_page(
    browser: str, report: Path, tmp_path: Path, width: int
) -> None:
    copy = tmp_path / "measured.html"
    text = report.read_text(encoding="utf-8").replace("default-src 'none'", "script-src 'unsafe-inline'")
    copy.write_text(text.replace("</body>", MEASURE), encoding="utf-8")
    dom, console = opened(browser, copy, tmp_path, "--dump-dom", f"--window-size={width},900")
    assert console == ""
    found = re.search(r'data-measured="([^"]*)"', dom)
    assert found is not None
    measured = json.loads(html.unescape(found[1]))
    assert len(measured["sizes"]) >= 12
    assert all(w > 200 and h > 80 for w, h in measured["sizes"])
    assert measured["wide"] == []
    assert measured["fetched"] == 0


@pytest.mark.parametrize("mode", [(), ("--force-dark-mode",)], ids=["light", "dark"])
def test_a_screenshot_shows_more_than_an_empty_page(
    browser: str, report: Path, tmp_path: Path, mode: tuple[str, ...]
) -> None:
    picture = tmp_path / "page.png"
    opened(browser, report, tmp_path, f"--screenshot={picture}", "--window-size=1200,3000", *mode)
    content = picture.read_bytes()
    assert struct.unpack(">2I", content[16:24]) == (1200, 3000)
    assert len(content) > 60_000
