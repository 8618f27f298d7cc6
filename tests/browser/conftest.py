"""A real Chromium opposite the real service: one server and one browser for all tests of this folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from cds_service.demo.command import serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class Watched:
    """A page, and what must not have happened on it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def demo_base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the service in demo mode, in a process of its own."""
    with requests.Session() as session:
        session.trust_env = False
        with serving(tmp_path_factory.mktemp("demo"), session, "127.0.0.1", 0) as base:
            yield base


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_chart(browser: Browser, demo_base: str) -> Iterator[Callable[..., Watched]]:
    """Open a chart in a fresh window; afterwards, no console complaint and no request beyond this machine."""
    opened: list[Watched] = []

    def open_(chart: str, width: int = 1280, scheme: str = "light") -> Watched:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        watched = Watched(context.new_page())
        opened.append(watched)
        watched.page.on("console", lambda message: watched.complaints.append(f"{message.type}: {message.text}"))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("request", lambda sent: _note_stranger(watched, sent.url))
        watched.page.goto(f"{demo_base}/demo/#{chart}")
        watched.page.get_by_role("button", name="Sign order").wait_for()
        return watched

    yield open_
    for watched in opened:
        watched.page.context.close()
        assert watched.complaints == []
        assert watched.strangers == []


def _note_stranger(watched: Watched, url: str) -> None:
    if urlsplit(url).hostname != "127.0.0.1":
        watched.strangers.append(url)
