"""A real browser for tests: Debian's Chromium, watched for what a report must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Set if Chromium has to be installed: then its tests are not skipped.
REQUIRED = "COVERAGE_BROWSER_REQUIRED"


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start Chromium; skip the test if it is missing and not required."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and not os.environ.get(REQUIRED):
        pytest.skip("no Chromium: browser tests are skipped; apt-get install chromium")
    assert found, f"no Chromium, and {REQUIRED} is set"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@contextmanager
def open_report(
    browser: Browser,
    out: Path,
    width: int = 1400,
    scheme: Literal["light", "dark"] = "light",
    anchor: str = "",
) -> Iterator[Page]:
    """Open a report and wait for its data; no requests to elsewhere, no console errors."""
    folder = (out / "reports").resolve().as_uri()
    faults: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith((folder, "data:,")) else faults.append(request.url)
        ),
    )
    page.goto(f"{folder}/index.html{anchor}")
    page.wait_for_selector("#package-table table", state="attached")
    page.wait_for_function("document.getElementById('status').textContent === ''")
    yield page
    assert faults == []
    page.close()


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return the rules of axe-core that the current page violates, with the elements."""
    found = Axe().run(page).response["violations"]
    return [(rule["id"], [str(node["target"]) for node in rule["nodes"]]) for rule in found]
