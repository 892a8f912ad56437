import pytest

from tests.browser.conftest import Opener
from tests.demo import Demo


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)])
def test_a_sites_report_is_clean_to_read(
    dashboard: str, visiting: Opener, demo: Demo, width: int, dark: bool
) -> None:
    (site,) = demo.planted("discordant_releases")
    path = f"/api/v1/sites/{site}/report.html"
    with visiting(dashboard + path, width, dark, viewer=f"site:{site}") as visit:
        visit.picture(f"report-{width}-{'dark' if dark else 'light'}")
        assert visit.errors == []
        assert visit.abroad == []
        assert not visit.overflows()
        assert visit.violations() == []
