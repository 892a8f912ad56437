import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as TooLong

from tests.serving import STATE

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A page is drawn in a second; a machine that runs other tests too may take longer.
expect.set_options(timeout=20_000)

PICTURES = STATE / "pictures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Visit:
    """An open page, and what it did that a reader would not see."""

    page: Page
    home: str
    errors: list[str] = field(default_factory=list)
    abroad: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Waits until the page, its callbacks and its figures have come to rest."""
        self.page.wait_for_selector("main h1", timeout=30_000)
        self.page.wait_for_function(
            "() => !document.querySelector('[data-dash-is-loading=true]')"
            " && [...document.querySelectorAll('.js-plotly-plot, .dash-graph')]"
            ".every(g => g.querySelector('.main-svg')"
            " && (!g._fullLayout?.geo || g.querySelector('.layer.land path')))"
        )
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.long-list')].every(g =>"
            " g.querySelector('.ag-header-cell')"
            " && g.querySelector('.ag-row, .ag-overlay'))"
        )
        self.page.wait_for_load_state("networkidle")

    def has_rows(self, card: str, count: int) -> None:
        """Waits until the table behind `card` has `count` rows."""
        self.page.wait_for_function(
            "([of, count]) => { const t = document.querySelector(of);"
            " return t && JSON.parse(t.dataset.table).rows.length === count; }",
            arg=[f"#{card} [data-table]", count],
        )

    def violations(self) -> list[str]:
        """What axe finds, one line each: rule, help, first element."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{v['id']}: {v['help']} · {len(v['nodes'])} × {v['nodes'][0]['html'][:99]}"
            for v in found
        ]

    def overflows(self) -> bool:
        """Whether the page still scrolls sideways after it has come to rest."""
        fits = "() => document.documentElement.scrollWidth <= window.innerWidth"
        try:
            self.page.wait_for_function(fits, timeout=5_000)
        except TooLong:
            return True
        return False

    def picture(self, name: str) -> Path:
        """A screenshot of the whole page, kept for a person to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        path = PICTURES / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.png"
        self.page.screenshot(path=path, full_page=True)
        return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


def _heard(message: ConsoleMessage, visit: Visit) -> None:
    if message.type in ("error", "warning"):
        visit.errors.append(message.text)


class Opener:
    """Opens addresses at a width, light or dark, with every other host cut off."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def __call__(
        self, url: str, width: int = 1440, dark: bool = False
    ) -> Iterator[Visit]:
        context = self._browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        visit = Visit(page, urlsplit(url).netloc)
        page.on(
            "console",
            lambda m: m.type in ("error", "warning") and visit.errors.append(m.text),
        )
        page.on("pageerror", lambda e: visit.errors.append(str(e)))

        def gate(route: object) -> None:
            request = route.request  # type: ignore[attr-defined]
            if urlsplit(request.url).netloc == visit.home:
                route.continue_()  # type: ignore[attr-defined]
            else:
                visit.abroad.append(request.url)
                route.abort()  # type: ignore[attr-defined]

        page.route(re.compile(r"^https?://"), gate)
        try:
            page.goto(url)
            visit.settle()
            yield visit
        finally:
            context.close()


@pytest.fixture
def visiting(browser: Browser) -> Opener:
    return Opener(browser)
