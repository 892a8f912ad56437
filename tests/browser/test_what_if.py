"""A what-if in a browser: measures are added by hand, saved, and laid side by side."""

from playwright.sync_api import expect

from tests.browser.conftest import Opener, Visit

SAVED = "#scenarios-listed"
BESIDE = "what-if-beside"


def add(visit: Visit, measure: str, size: str) -> None:
    """Adds a measure by its own button, as somebody with a keyboard does."""
    group = visit.page.get_by_role("group", name=measure)
    group.get_by_role("textbox").fill(size)
    group.get_by_role("button", name="Add").press("Enter")
    visit.page.wait_for_load_state("networkidle")


def test_a_scenario_is_built_saved_and_compared_by_hand(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/what-if") as visit:
        page = visit.page
        group = page.get_by_role("group", name="Close a site")
        group.get_by_role("combobox").select_option("manzanera")
        add(visit, "Close a site", "many")
        expect(page.locator("#what-if-answer").get_by_role("alert")).to_be_visible()
        add(visit, "Close a site", "6")
        page.wait_for_url("**/what-if?close=manzanera**6")
        visit.settle()
        add(visit, "Raise demand in a region", "1.2")
        page.wait_for_url("**demand=**")
        visit.settle()
        changed = page.get_by_role("list", name="What is changed")
        expect(changed.get_by_role("listitem")).to_have_count(2)
        visit.has_rows(BESIDE, 2)
        page.get_by_role("button", name="Save scenario").click()
        expect(page.locator("#scenario-said").get_by_role("alert")).to_be_visible()
        page.get_by_label("Name", exact=True).fill("Summer")
        page.get_by_label("What is it to answer? Name no patient.").fill("Who absorbs?")
        page.get_by_role("button", name="Save scenario").click()
        expect(page.locator(SAVED)).to_contain_text("Summer: Who absorbs?")
        changed.get_by_role("link").first.click()
        expect(changed.get_by_role("listitem")).to_have_count(1)
        visit.settle()
        page.locator(SAVED).get_by_role("link").filter(has_text="compare").click()
        page.wait_for_url("**with=**")
        visit.settle()
        visit.has_rows(BESIDE, 3)
        visit.picture("what-if-compared")
        assert visit.violations() == []
        page.go_back()
        visit.settle()
        visit.has_rows(BESIDE, 2)
        assert visit.errors == []
