"""A real browser, headless, where one is installed: Chromium, driven by Selenium."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


def require_browser() -> tuple[str, str]:
    """Return where Chromium and its driver are; if one is missing, skip the test that asks.

    Continuous integration (which sets CI) must not pass without the browser: there the test fails.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    missing = [
        name
        for name, found in {
            "chromium": browser,
            "chromedriver": driver,
            "the Python package selenium": importlib.util.find_spec("selenium"),
        }.items()
        if found is None
    ]
    if missing or browser is None or driver is None:
        reason = (
            f"not installed: {', '.join(missing)}; to test in a browser: "
            "apt-get install chromium chromium-driver, pip install selenium"
        )
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return browser, driver


@contextlib.contextmanager
def open_browser(profile: Path) -> Iterator[Any]:
    """Start Chromium with a profile of its own, and end it with the block.

    Args:
        profile: An empty folder.

    Yields:
        Selenium's driver; it keeps logs of the console and of what the network is asked for.
    """
    browser, driver = require_browser()
    webdriver = importlib.import_module("selenium.webdriver")
    service = importlib.import_module("selenium.webdriver.chrome.service")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in [*FLAGS, f"--user-data-dir={profile}", "--window-size=1280,800"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # With both paths given Selenium looks for neither, and downloads nothing.
    chrome = webdriver.Chrome(options=options, service=service.Service(executable_path=driver))
    try:
        chrome.get("about:blank")  # leave the page that a new tab opens with,
        chrome.get_log("performance")  # and forget what that asked for
        yield chrome
    finally:
        chrome.quit()


def requests(browser: Any) -> list[str]:
    """List the addresses that pages asked for since the last call."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
