import pytest

from tests.browser.conftest import Opener

PAGES = ["/", "/compare", "/list", "/site/bergen", "/nowhere"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_clean_at_every_width_and_in_both_schemes(
    toy: str, visiting: Opener, path: str, width: int, dark: bool
) -> None:
    with visiting(toy + path, width, dark) as visit:
        visit.picture(f"toy{path}-{width}-{'dark' if dark else 'light'}")
        expected = ["404"] if path == "/nowhere" else []
        unexpected = [e for e in visit.errors if not any(x in e for x in expected)]
        assert unexpected == []
        assert visit.abroad == []
        assert not visit.overflows()
        assert visit.violations() == []
