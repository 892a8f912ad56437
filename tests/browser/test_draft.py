"""A draft in a browser: keys move limits, the address keeps them, Back restores."""

import re
import sys
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.test_shell import LOOKS

AT = "/draft?product=car-t-cd19&base=consensus"
SITES = "#draft-sites > .sentence"


def test_a_key_moves_a_limit_the_figures_and_the_address_and_back_restores_them(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}{AT}&limits=viability:87") as visit:
        page = visit.page
        slider = page.get_by_role("slider", name="Viability")
        before = page.locator(SITES).inner_text()
        slider.focus()
        began = time.perf_counter()
        slider.press("ArrowRight")
        expect(page.locator(SITES)).not_to_have_text(before)
        took = time.perf_counter() - began
        sys.stdout.write(f"key press to new figures: {1000 * took:.0f} ms\n")
        page.wait_for_url(re.compile(r"limits=viability(:|%3A)88"))
        expect(page.locator(".lever-said", has_text="≥ 88 %")).to_be_visible()
        expect(slider).to_be_focused()
        after = page.locator(SITES).inner_text()
        page.wait_for_timeout(1100)
        slider.press("ArrowRight")
        page.wait_for_url(re.compile(r"limits=viability(:|%3A)89"))
        page.go_back()
        page.wait_for_url(re.compile(r"limits=viability(:|%3A)88"))
        expect(page.locator(SITES)).to_have_text(after)
        expect(page.get_by_role("slider", name="Viability")).to_have_value("88")
        page.go_back()
        expect(page.locator(SITES)).to_have_text(before)
        expect(page.get_by_role("slider", name="Viability")).to_have_value("87")
        assert visit.errors == []


def test_a_slide_without_a_pause_is_one_step_back(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}{AT}") as visit:
        page = visit.page
        slider = page.get_by_role("slider", name="Vector copy")
        slider.focus()
        for limit in ("4.5", "4", "3.5"):
            slider.press("ArrowLeft")
            page.wait_for_url(re.compile(rf"limits=vcn(:|%3A){re.escape(limit)}(&|$)"))
        page.go_back()
        page.wait_for_url(re.compile(r"^(?!.*limits=vcn(:|%3A)3)"))
        assert visit.errors == []


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_a_moved_draft_is_readable_at_every_width(
    dashboard: str, visiting: Opener, width: int, dark: bool
) -> None:
    asked = f"{dashboard}{AT}&limits=viability:88,vcn:4"
    with visiting(asked, width, dark=dark) as visit:
        visit.picture(f"draft-{width}{'-dark' if dark else ''}")
        assert visit.violations() == []
        assert not visit.overflows()
        assert visit.errors == []


def test_a_draft_is_saved_with_all_that_minutes_need_and_voted_on(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}{AT}&limits=viability:88") as visit:
        page = visit.page
        page.get_by_role("button", name="Save as proposal").click()
        expect(page.get_by_role("alert")).to_contain_text("Still to be said: a name")
        page.get_by_label("Name", exact=True).fill("Common criteria")
        page.get_by_label("Version").fill("1")
        page.get_by_label("Proposed by").fill("Working group")
        page.get_by_label("To hold from").fill("2027-01-31")
        page.get_by_label("Why? Name no patient.").fill("One limit for all.")
        page.get_by_role("button", name="Save as proposal").click()
        page.get_by_role("link", name="Open the proposal").click()
        page.wait_for_url(f"{dashboard}/proposal/*")
        visit.settle()
        proposal = page.url
        for kind, start in (("xlsx", b"PK"), ("pdf", b"%PDF")):
            with page.expect_download() as download:
                page.get_by_role("link", name=kind.upper()).click()
            assert download.value.path().read_bytes().startswith(start)
        assert visit.violations() == []
        assert visit.errors == []
    with visiting(f"{dashboard}/methods", 390, viewer="site:manzanera") as visit:
        page = visit.page
        page.goto(proposal)
        visit.settle()
        page.get_by_label("Your site's vote").select_option("no")
        page.get_by_label("Why? Name no patient.").fill("Too strict for us.")
        page.get_by_role("button", name="Vote", exact=True).click()
        expect(page.locator("#proposal-written")).to_contain_text("Too strict for us.")
        assert visit.violations() == []
        assert not visit.overflows()
        assert visit.errors == []
