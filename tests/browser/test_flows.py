"""What a reader does from page to page, on figures that came through the pipeline."""

import csv
import io
import json
import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from dashboard.app import COOKIE
from dashboard.journal import Journal
from tests.browser.conftest import Opener

ASKED = "?from=2025-01&product=car-t-cd19"


def choose(page: Page, path: str) -> None:
    page.locator(f"#navigation a[href^='{path}']").first.click()


def rows(page: Page, card: str) -> list[list[str]]:
    """The texts of the table behind a card."""
    texts = page.locator(f"#{card} [data-table]").get_attribute("data-table")
    return [line["cells"] for line in json.loads(texts or "{}")["rows"]]


def test_what_is_chosen_is_in_the_address_of_every_page_and_back_undoes_it(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/failures") as visit:
        page = visit.page
        everything = rows(page, "failure-funnel")
        page.get_by_role("combobox", name="From").select_option("2025-01")
        page.locator(".filter summary", has_text=re.compile("^Product: ")).click()
        page.locator(".filter input[value='car-t-cd19']").check()
        page.locator("details[open] .apply-here").click()
        page.wait_for_url(f"{dashboard}/failures{ASKED}")
        expect(page.locator(".chips li")).to_have_count(2)
        for link in page.locator("#navigation a").all():
            expect(link).to_have_attribute("href", re.compile(re.escape(ASKED) + "$"))
        choose(page, "/turnaround")
        page.wait_for_url(f"{dashboard}/turnaround{ASKED}")
        expect(page.locator("h1")).to_have_text("Turnaround")
        expect(page.locator(".chips li")).to_have_count(2)
        page.go_back()
        expect(page.locator("h1")).to_have_text("Failure rates")
        page.go_back()
        page.wait_for_url(f"{dashboard}/failures")
        expect(page.locator(".chips li")).to_have_count(0)
        visit.has_rows("failure-funnel", len(everything))
        assert rows(page, "failure-funnel") == everything
        assert visit.errors == []


def test_a_deep_link_opens_as_it_was_filtered_and_is_copied_as_it_is(
    dashboard: str, visiting: Opener
) -> None:
    link = f"{dashboard}/failures?site=manzanera,rhodanie&definition=any"
    with visiting(link) as visit:
        page = visit.page
        switch = page.get_by_role("navigation", name="What counts as failure")
        expect(switch.locator("[aria-current]")).to_have_text("Any failure")
        assert [line[0] for line in rows(page, "failure-funnel")] == [
            "Hospital Manzanera, Unidad de Terapias Avanzadas",
            "Centre Rhodanie de Biothérapies",
        ]
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == link


def test_another_definition_of_failure_moves_the_funnel_and_its_sentence(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/failures") as visit:
        page = visit.page
        sentence = page.locator("#failure-funnel .sentence")
        before, points = sentence.inner_text(), rows(page, "failure-funnel")
        switch = page.get_by_role("navigation", name="What counts as failure")
        switch.get_by_role("link", name="Late failure").click()
        page.wait_for_url(f"{dashboard}/failures?definition=late_failure")
        expect(sentence).not_to_have_text(before)
        assert rows(page, "failure-funnel") != points
        expect(page.locator("main .notice").first).to_contain_text("late failure")


def test_the_file_holds_the_numbers_of_the_table_under_the_figure(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/failures{ASKED}") as visit:
        page = visit.page
        card = page.locator("#failure-funnel")
        card.get_by_text("Table", exact=True).click()
        shown = [
            row.locator("td").all_inner_texts()[:2]
            for row in card.locator("tbody tr").all()
        ]
        with page.expect_download() as download:
            card.get_by_role("link", name="CSV").click()
        assert download.value.suggested_filename == "failure-funnel.csv"
        text = Path(download.value.path()).read_text()
        drawn = list(csv.DictReader(io.StringIO(text)))
        assert [
            [f"{int(r['events']):,}", f"{int(r['n']):,}"] for r in drawn if r["n"]
        ] == [cells for cells in shown if cells[0].isdigit()]
        assert len(drawn) == len(shown)


def test_another_viewer_sees_another_part_of_the_network(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/failures") as visit:
        page = visit.page
        assert len(rows(page, "failure-funnel")) == 24
        page.locator(".viewer summary").click()
        page.get_by_role("link", name="Site, manzanera").click()
        visit.settle()
        expect(page.locator(".viewer summary")).to_contain_text("Site, manzanera")
        assert [line[0] for line in rows(page, "failure-funnel")] == [
            "Hospital Manzanera, Unidad de Terapias Avanzadas",
            "Peers",
        ]
        page.locator(".viewer summary").click()
        page.get_by_role("link", name="Public").click()
        visit.settle()
        assert [line[0] for line in rows(page, "failure-funnel")] == ["Network"]
        assert "anzanera" not in page.locator("main").inner_text()


def test_a_note_on_a_site_is_kept_in_the_journal_with_who_wrote_it(
    dashboard: str, network: Path, visiting: Opener
) -> None:
    address = f"{dashboard}/site?site=thameslea"
    said = "New incubator since May <b>2026</b>."
    with visiting(address) as visit:
        page = visit.page
        page.get_by_label("Add a note").fill(said)
        page.get_by_role("button", name="Add note").click()
        expect(page.locator("#site-notes")).to_contain_text(said)
        expect(page.get_by_label("Add a note")).to_have_value("")
        page.goto(address)
        visit.settle()
        expect(page.locator("#site-notes")).to_contain_text("Network lead")
        expect(page.locator("#site-notes li")).to_have_count(1)
        assert visit.errors == []
    journal = Journal(network / "data" / "journal.sqlite")
    (entry,) = journal.read(kind="note", subject="thameslea")
    assert (entry.who, entry.body) == ("lead", {"text": said})


def test_the_public_and_other_sites_can_neither_read_nor_write_notes(
    dashboard: str, network: Path, visiting: Opener
) -> None:
    for viewer in ("public", "site:rhodanie"):
        with visiting(f"{dashboard}/site?site=manzanera", viewer=viewer) as visit:
            assert "manzanera" not in visit.page.locator("article").all_inner_texts()
            assert visit.page.get_by_label("Add a note").count() == (viewer != "public")
        answer = httpx.post(
            f"{dashboard}/_dash-update-component",
            json=_adding("manzanera", "written by somebody else"),
            cookies={COOKIE: viewer},
        )
        assert "There is no such site to write about." in answer.text
    journal = Journal(network / "data" / "journal.sqlite")
    assert journal.read(kind="note", subject="manzanera") == ()


def _adding(site: str, text: str) -> dict[str, object]:
    """What the browser sends when a note is added."""
    outputs = [
        {"id": "site-notes", "property": "children"},
        {"id": "note-text", "property": "value"},
    ]
    return {
        "output": "..site-notes.children...note-text.value..",
        "outputs": outputs,
        "inputs": [{"id": "note-add", "property": "n_clicks", "value": 1}],
        "changedPropIds": ["note-add.n_clicks"],
        "state": [
            {"id": "note-text", "property": "value", "value": text},
            {"id": "note-site", "property": "data", "value": site},
        ],
    }


def test_a_line_of_the_overview_leads_to_its_page_with_the_filters(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/?site=manzanera") as visit:
        page = visit.page
        page.locator("#attention").get_by_role("link", name="Failure rates").click()
        page.wait_for_url(f"{dashboard}/failures?site=manzanera")
        expect(page.locator("h1")).to_have_text("Failure rates")


def test_how_a_figure_is_made_opens_at_its_metric(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/failures?site=manzanera") as visit:
        page = visit.page
        page.locator("#failure-causes").get_by_role("link", name="How it is").click()
        page.wait_for_url(re.compile("/methods.*#failure_cause$"))
        expect(page.locator("#failure_cause h3")).to_be_in_viewport()


def test_the_keyboard_alone_goes_from_page_to_page_on_a_telephone(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(dashboard, 390) as visit:
        page = visit.page
        keys = page.keyboard
        keys.press("Tab")
        keys.press("Tab")
        expect(page.get_by_role("button", name="Menu")).to_be_focused()
        keys.press("Enter")
        while page.evaluate("document.activeElement.textContent") != "Capacity":
            keys.press("Tab")
        keys.press("Enter")
        page.wait_for_url(f"{dashboard}/capacity")
        expect(page.locator("#navigation")).to_be_hidden()
        expect(page.locator("#main")).to_be_focused()
        expect(page.locator("h1")).to_have_text("Capacity")
