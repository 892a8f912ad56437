"""Texts that come from outside, as formulas and as markup: they stay texts."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import sync_playwright

from dashboard import api, queries
from dashboard.gate import Gate, Sources
from dashboard.journal import Journal
from tests.attacks import leaks, walking
from tests.attacks.conftest import SITE, Guarded
from tests.attacks.harvester import Answer
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.etl.drops import BATCHES, drop, edit, write_network
from tests.etl.pulling import pulled

FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1",
            "=HYPERLINK(0)")  # fmt: skip


def draws_nothing(answers: list[Answer]) -> None:
    """A leak if what somebody wrote stands in a page as markup."""
    for answer in answers:
        kind = answer.headers.get("content-type", "")
        if kind.startswith("text/html") and re.search(r"<img[^>]*onerror", answer.text):
            raise leaks.LeakError(f"{answer.address} draws what somebody wrote")


def test_no_page_holds_what_somebody_wrote_as_markup(guarded: Guarded) -> None:
    walk = guarded.walk("site")
    answers = [walk.get(a) for a in walking.of_one(SITE, guarded.proposal)]
    answers += [walk.get("/sign-in/?next=/<img src=x onerror=alert(1)>")]
    answers += [walk.get("/figure/<img src=x onerror=alert(1)>?in-run=1")]
    draws_nothing(answers)
    assert any("elsewhere.example" in answer.text for answer in answers)


@pytest.fixture(scope="module")
def spiteful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, really pulled, of which one site sends formulas."""
    folder = write_network(tmp_path_factory.mktemp("spiteful") / "network")
    header, first, *rest = BATCHES.format(slug="alpha").splitlines()
    hostile = [f'"{text}{n}",03/08/2026,,,EC' for n, text in enumerate(FORMULAS)]
    wrong = [f'alpha-9{n},"{text}",,,EC' for n, text in enumerate(FORMULAS)]
    batches = "\n".join([header, first, *rest, *hostile, *wrong])
    drop(folder, "alpha", {"batches=1+1.csv": batches})
    edit(folder, "alpha", 'name = "alpha"', "name = '''=1+1'''")
    pulled(folder)
    return folder


def test_no_text_of_a_real_site_is_run_by_a_spreadsheet(spiteful: Path) -> None:
    snapshots = spiteful / "data" / "snapshots"
    journal = Journal(spiteful / "data" / "journal.sqlite")
    app = FastAPI()
    app.include_router(api.router)
    app.add_middleware(
        Gate, sources=Sources(snapshots, journal, queries.about), policy=""
    )
    answers = asyncio.run(exported(app))
    assert len(answers) > 50
    found = [cell for answer in answers for cell in walking.cells(answer)]
    leaks.runs_nothing(found)
    assert "'=1+1" in found
    assert sum("+1" in cell for cell in found) > 3


async def exported(app: FastAPI) -> list[Answer]:
    """Every figure's CSV and the workbook of a site, as the lead takes them along."""
    way = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=way, base_url="http://127.0.0.1") as client:
        cards = (await client.get("/api/v1/")).json()["cards"]
        tables = [f"{c}.csv" for c in cards if "what-if" not in c]
        answers = []
        for address in (*tables, "/api/v1/sites/alpha/report.xlsx"):
            got = await client.get(address)
            assert got.status_code == 200, address
            answers.append(
                Answer("GET", address, got.status_code, got.headers, got.content)
            )
    return answers


@pytest.fixture
def heard() -> Iterator[list[str]]:
    yield []


@pytest.mark.browser
def test_no_script_runs_that_somebody_wrote(guarded: Guarded, heard: list[str]) -> None:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    secret = guarded.signed_in("lead").cookies["pocnet"]
    # The trail shows its newest deeds: among them somebody of this name who knocked.
    knocking = {
        "name": "<img src=x onerror=alert(1)>elsewhere.example",
        "password": "x",
    }
    assert guarded.stranger().post("/sign-in/", data=knocking).status_code == 403
    pages = (f"/proposal/{guarded.proposal}", f"/site?site={SITE}", "/audit")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context()
        context.add_cookies([{"name": "pocnet", "value": secret, "url": guarded.url}])
        page = context.new_page()
        page.on(
            "console", lambda m: heard.append(m.text) if m.type == "error" else None
        )
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        for address in pages:
            page.goto(guarded.url + address)
            page.get_by_text("elsewhere.example").first.wait_for(state="attached")
            page.wait_for_load_state("networkidle")
            assert page.title() != "1"
            assert page.locator("img[onerror]").count() == 0
        chromium.close()
    assert heard == []
