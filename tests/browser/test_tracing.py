"""From the lot on the overview to its batches, a batch's record, and back to a lot."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dashboard.journal import Journal
from tests.browser.conftest import Opener
from tests.browser.test_pages import _is_whole

LOT = "/tracing?kind=vector&supplier=vectoria&lot=LV9317"


def test_a_listed_lot_leads_to_its_batches_and_a_batch_to_its_record(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/?from=2025-01", viewer="site:turiana") as visit:
        page = visit.page
        page.locator("#attention a", has_text="Tracing").click()
        page.wait_for_url(f"{dashboard}{LOT}&from=2025-01")
        visit.settle()
        _is_whole(visit)
        said = page.locator("#recall-list > .sentence").inner_text()
        assert re.match(r"\d+ batches at 1 site: ", said)
        page.locator("#recall-list details summary").click()
        page.locator("#recall-list td a").first.click()
        page.wait_for_url(re.compile(r"/batch/turiana/k1-[0-9a-f]{16}"))
        visit.settle()
        _is_whole(visit)
        visit.picture("batch-record")
        assert visit.violations() == []
        page.locator("#batch-record details summary").click()
        page.locator("#batch-record td a", has_text="Tracing").first.click()
        page.wait_for_url(re.compile(r"/tracing\?kind="))
        visit.settle()
        assert visit.errors == []


def test_a_lot_is_sought_as_it_is_written_and_its_site_agrees_to_be_named(
    dashboard: str, visiting: Opener, network: Path
) -> None:
    with visiting(f"{dashboard}/tracing", 390, True, "site:turiana") as visit:
        page = visit.page
        page.get_by_role("searchbox", name="Lot, written in any way").fill("lv-9317")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{dashboard}/tracing?lot=lv-9317")
        visit.settle()
        visit.picture("recall-dark")
        _is_whole(visit)
        assert visit.violations() == []
        expect(page.locator("#recall-known")).to_contain_text("named to no other site")
        page.get_by_role("button", name="Agree to be named").click()
        expect(page.locator("#recall-said")).to_contain_text("Say why")
        page.get_by_label("Why? Name no patient.").fill("one list is safer")
        page.get_by_role("button", name="Agree to be named").click()
        expect(page.locator("#recall-known")).to_contain_text("You agreed on")
        assert visit.errors == []
        with page.expect_download() as download:
            page.get_by_role("link", name="Hospital Turiana").click()
        assert download.value.suggested_filename == "recall-turiana.xlsx"
    (entry,) = Journal(network / "data" / "journal.sqlite").read(kind="recall")
    assert (entry.who, entry.why) == ("site:turiana", "one list is safer")


@pytest.mark.parametrize("viewer", ["site:manzanera", "public"])
def test_what_is_not_for_a_viewer_is_a_whole_page_that_says_so(
    dashboard: str, visiting: Opener, viewer: str
) -> None:
    with visiting(f"{dashboard}/batch/turiana/k1-0", 390, viewer=viewer) as visit:
        _is_whole(visit)
        notice = visit.page.get_by_text("There is no such batch for you to see.")
        expect(notice.first).to_be_visible()
