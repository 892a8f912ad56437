"""From a point of the funnel to the batches behind it."""

from playwright.sync_api import expect

from tests.browser.conftest import Opener


def test_a_click_on_a_point_lists_the_batches_behind_it(
    dashboard: str, visiting: Opener
) -> None:
    with visiting(f"{dashboard}/failures?definition=any") as visit:
        points = visit.page.locator("#failure-funnel .points path")
        expect(points).to_have_count(22)
        points.last.scroll_into_view_if_needed()
        box = points.last.bounding_box()
        assert box is not None
        visit.page.mouse.click(box["x"] + 4, box["y"] + 4)
        visit.page.wait_for_url("**/failures?definition=any&site=*#failure-batches")
        said = visit.page.locator("#failure-batches .sentence")
        expect(said).to_contain_text("failed by the definition in force and")
        expect(visit.page.locator("#failure-batches tbody tr").first).to_be_visible()
        assert visit.errors == []
