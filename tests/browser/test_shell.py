import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener

PAGES = ["/", "/compare", "/list", "/site/bergen", "/nowhere"]
# Colours do not depend on the width: both are seen in every run, in two of four looks.
LOOKS = [
    (1440, False),
    (390, True),
    pytest.param(1440, True, marks=pytest.mark.slow),
    pytest.param(390, False, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_clean_at_every_width_and_in_both_schemes(
    toy: str, visiting: Opener, path: str, width: int, dark: bool
) -> None:
    with visiting(toy + path, width, dark) as visit:
        visit.picture(f"toy{path}-{width}-{'dark' if dark else 'light'}")
        # The browser itself reports that the document of an unknown page is a 404.
        assert [e for e in visit.errors if path != "/nowhere" or "404" not in e] == []
        assert visit.abroad == []
        assert not visit.overflows()
        assert visit.violations() == []


def test_open_tables_menus_and_alerts_are_clean_too(toy: str, visiting: Opener) -> None:
    with visiting(f"{toy}/compare?site=bergen,nope&from=x") as visit:
        script = "document.querySelectorAll('details').forEach(d => d.open = true)"
        visit.page.evaluate(script)
        assert visit.violations() == []
        visit.picture("toy everything open")


@pytest.mark.parametrize("width", [390, 800, 1024, 1440])
def test_no_open_list_makes_the_page_scroll_sideways(
    toy: str, visiting: Opener, width: int
) -> None:
    with visiting(toy, width) as visit:
        if width == 390:
            visit.page.get_by_role("button", name="Filters").click()
        for summary in visit.page.locator(".filter summary").all():
            summary.click()
            assert not visit.overflows()
            visit.page.keyboard.press("Escape")


def test_a_deep_link_shows_its_filters(toy: str, visiting: Opener) -> None:
    with visiting(f"{toy}/?from=2024-03&site=bergen,gent&definition=any") as visit:
        page = visit.page
        expect(page.get_by_role("combobox", name="From")).to_have_value("2024-03")
        expect(page.get_by_role("combobox", name="Failure means")).to_have_value("any")
        assert page.locator(".chips li").count() == 4
        visit.has_rows("toy-funnel", 2)
        assert page.url.endswith("?from=2024-03&site=bergen,gent&definition=any")


def test_applied_filters_are_in_the_url_and_back_takes_them_out(
    toy: str, visiting: Opener
) -> None:
    with visiting(f"{toy}/?tab=2") as visit:
        page = visit.page
        page.get_by_role("combobox", name="From").select_option("2024-05")
        page.locator("summary", has_text="Site").click()
        page.get_by_label("Bergen").check()
        page.get_by_label("Gent").check()
        page.locator("details[open] .apply-here").click()
        page.wait_for_url(re.compile("site=bergen,gent"))
        assert page.url == f"{toy}/?tab=2&from=2024-05&site=bergen,gent"
        visit.has_rows("toy-funnel", 2)
        page.get_by_role("link", name="Site: Gent").click()
        visit.has_rows("toy-funnel", 1)
        page.go_back()
        visit.has_rows("toy-funnel", 2)
        page.go_back()
        visit.has_rows("toy-funnel", 12)
        expect(page.get_by_role("combobox", name="From")).to_have_value("any")
        assert page.url == f"{toy}/?tab=2"
        page.go_forward()
        expect(page.get_by_role("combobox", name="From")).to_have_value("2024-05")
        assert visit.errors == []


def test_filters_are_kept_between_pages_and_a_pages_own_options_are_not(
    toy: str, visiting: Opener
) -> None:
    with visiting(f"{toy}/?site=bergen&tab=2") as visit:
        visit.page.get_by_role("link", name="Compare", exact=True).click()
        visit.page.wait_for_url(f"{toy}/compare?site=bergen")
        current = visit.page.locator("#navigation [aria-current=page]")
        expect(current).to_have_text("Compare")
        expect(visit.page).to_have_title("Compare · pocnet")
        visit.page.get_by_role("link", name="Reset").click()
        visit.page.wait_for_url(f"{toy}/compare")


def test_the_table_behind_a_figure_is_a_table_once_it_is_opened(
    toy: str, visiting: Opener
) -> None:
    with visiting(toy) as visit:
        card = visit.page.locator("#toy-funnel")
        assert card.locator("table").count() == 0
        card.get_by_text("Table", exact=True).click()
        assert card.locator("tbody tr").count() == 12
        assert card.locator("thead th[scope=col]").all_inner_texts()[0] == "Site"
        assert card.locator("tbody th[scope=row]").all_inner_texts()[2] == "Bologna"
        hidden = card.locator("tbody tr").nth(2)
        expect(hidden.locator(".state-suppressed")).to_have_text(
            "▨fewer than 5 batches"
        )
        visit.page.goto(f"{toy}/?site=gent")
        visit.has_rows("toy-funnel", 1)


def test_a_switch_changes_one_option_and_keeps_the_filters(
    toy: str, visiting: Opener
) -> None:
    with visiting(f"{toy}/compare?site=bergen") as visit:
        visit.page.get_by_role("link", name="Not infused").click()
        visit.page.wait_for_url(f"{toy}/compare?site=bergen&definition=not_infused")
        expect(visit.page.locator(".switch [aria-current]")).to_have_text("Not infused")


def test_the_keyboard_reaches_the_content_and_the_menu(
    toy: str, visiting: Opener
) -> None:
    with visiting(toy, 390) as visit:
        page = visit.page
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        page.get_by_role("button", name="Menu").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.locator("#navigation a", has_text="Compare").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"{toy}/compare")
        expect(page.locator("#navigation")).to_be_hidden()
        expect(page.locator("#main")).to_be_focused()


def test_escape_closes_an_open_list_and_returns_to_its_button(
    toy: str, visiting: Opener
) -> None:
    with visiting(toy) as visit:
        summary = visit.page.locator(".filter summary", has_text="Region")
        summary.click()
        visit.page.get_by_label("North").focus()
        visit.page.keyboard.press("Escape")
        expect(summary).to_be_focused()
        expect(visit.page.get_by_label("North")).to_be_hidden()


def test_the_viewer_is_switched_in_the_header_and_the_page_stays(
    toy: str, visiting: Opener
) -> None:
    with visiting(f"{toy}/compare?site=bergen") as visit:
        visit.page.locator(".viewer summary").click()
        visit.page.get_by_role("link", name="Public").click()
        visit.settle()
        expect(visit.page.locator(".viewer summary")).to_contain_text("Public")
        assert visit.page.url == f"{toy}/compare?site=bergen"
        assert visit.page.get_by_text("no site “bergen” to show").is_visible()


def test_the_link_to_a_view_is_copied(toy: str, visiting: Opener) -> None:
    with visiting(f"{toy}/?site=gent") as visit:
        visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        visit.page.get_by_role("button", name="Copy link").click()
        expect(visit.page.get_by_role("button", name="Copied")).to_be_visible()
        copied = visit.page.evaluate("navigator.clipboard.readText()")
        assert copied == f"{toy}/?site=gent"


def test_a_broken_card_leaves_the_rest_of_the_page(toy: str, visiting: Opener) -> None:
    with visiting(f"{toy}/compare") as visit:
        page = visit.page
        expect(page.locator("#toy-broken [role=alert]")).to_contain_text("reference")
        assert "a secret" not in page.content()
        assert page.locator("#toy-histogram .main-svg").count() > 0
