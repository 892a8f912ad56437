import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as TooLong

from dashboard.app import COOKIE
from dashboard.simulation.run import Plan, simulate
from tests.dashboard.simulation import building
from tests.demo import Demo
from tests.serving import STATE, free_port, serving_process

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
    # No other host has an address, so nothing can be fetched from one.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# A page is drawn in a second; a machine that runs other tests too may take longer.
expect.set_options(timeout=20_000)

# Rows of a table are alike, and what passes would take longer than all the rest.
_LOOKED_AT = {"exclude": [["tbody tr:nth-child(n+21)"]]}
_FOUND = {"resultTypes": ["violations"]}
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
    drawn: bool = True
    errors: list[str] = field(default_factory=list)
    abroad: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Keeps what the console would show in yellow or red."""
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def fetch(self, request: Request) -> None:
        """Keeps what the page asks of another host."""
        address = urlsplit(request.url)
        if address.scheme.startswith("http") and address.netloc != self.home:
            self.abroad.append(request.url)

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
        found = Axe().run(self.page, _LOOKED_AT, _FOUND).response["violations"]
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

    def picture(self, name: str) -> None:
        """Keep a screenshot of the whole page for a person to look at.

        No test reads it and it takes a second, so it is left out of the short tier.
        """
        if self.drawn:
            PICTURES.mkdir(parents=True, exist_ok=True)
            plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            self.page.screenshot(path=PICTURES / f"{plain}.png", full_page=True)


# For a file at a time: while Playwright runs, no other event loop can in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


class Opener:
    """Opens addresses at a width, light or dark, with every other host cut off.

    Pages of one look share a context, so that scripts are fetched and read once.
    """

    def __init__(self, browser: Browser, drawn: bool) -> None:
        self._browser = browser
        self._drawn = drawn
        self._contexts: dict[tuple[int, bool], BrowserContext] = {}

    @contextmanager
    def __call__(
        self, url: str, width: int = 1440, dark: bool = False, viewer: str = ""
    ) -> Iterator[Visit]:
        context = self._context(width, dark)
        if viewer:
            context.add_cookies([{"name": COOKIE, "value": viewer, "url": url}])
        page = context.new_page()
        visit = Visit(page, urlsplit(url).netloc, self._drawn)
        page.on("console", visit.hear)
        page.on("request", visit.fetch)
        page.on("pageerror", lambda e: visit.errors.append(str(e)))
        try:
            page.goto(url)
            visit.settle()
            yield visit
        finally:
            page.close()
            context.clear_cookies()

    def _context(self, width: int, dark: bool) -> BrowserContext:
        if (width, dark) not in self._contexts:
            self._contexts[width, dark] = self._browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",
            )
        return self._contexts[width, dark]


@pytest.fixture(scope="module")
def visiting(browser: Browser, pytestconfig: pytest.Config) -> Opener:
    return Opener(browser, drawn="not slow" not in pytestconfig.getoption("markexpr"))


@pytest.fixture(scope="session")
def network(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's figures and a journal of its own."""
    folder = tmp_path_factory.mktemp("network")
    shutil.copy(demo.folder / "network.toml", folder)
    (folder / "data").mkdir()
    (folder / "data" / "snapshots").symlink_to(demo.snapshots)
    return folder


@pytest.fixture(scope="session")
def dashboard(network: Path) -> Iterator[str]:
    """The address of the dashboard over the made-up network.

    The simulation's loops are compiled first, which no page should wait for.
    """
    simulate(building.network(building.always_open(1, 1, 200), [0.1]), Plan(1))
    with _answering(network) as url:
        yield url


@pytest.fixture(scope="session")
def unpublished(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the dashboard of a network that nobody has pulled yet."""
    folder = tmp_path_factory.mktemp("unpublished")
    shutil.copy(demo.folder / "network.toml", folder)
    with _answering(folder) as url:
        yield url


@contextmanager
def _answering(folder: Path) -> Iterator[str]:
    port = free_port()
    serve = ["-c", "from dashboard.cli import main; main()", "serve"]
    arguments = [*serve, str(folder), "--port", str(port)]
    with serving_process(arguments, port) as url:
        yield url
