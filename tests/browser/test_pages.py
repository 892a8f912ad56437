"""Every page at every width, whoever looks and whatever is asked for."""

import json
import re

import pytest

from tests.browser.conftest import Opener, Visit

PAGES = (
    "/",
    "/throughput",
    "/failures",
    "/over-time",
    "/why",
    "/re-manufacture",
    "/turnaround",
    "/deviations",
    "/harmonisation",
    "/assays",
    "/replay",
    "/draft",
    "/capacity",
    "/what-if",
    "/readiness",
    "/tracing",
    "/quality",
    "/site",
    "/sharing",
    "/methods",
)
WIDTHS = (1440, 390)
ASKED = {
    "nothing asked": "",
    "everything": "?from=2021-11&to=2026-11&definition=any",
    "one site": "?site=manzanera",
    "no data": "?from=2001-01&to=2001-02",
}
# Everything fills the widest page, and nothing the narrowest as well as any. Some of
# the looks show seldom what the others do not, and wait for the slow tier.
LOOKS = [
    *(("nothing asked", width) for width in WIDTHS),
    pytest.param("one site", 1440, marks=pytest.mark.slow),
    pytest.param("one site", 390, marks=pytest.mark.slow),
    pytest.param("everything", 1440, marks=pytest.mark.slow),
    ("no data", 390),
]
# An authority sees a part of what the lead sees and the pool that the public sees.
VIEWERS = (
    pytest.param("authority:ES30", marks=pytest.mark.slow),
    "site:manzanera",
    "public",
)
# What a program writes where it has no value, and never a person.
UNSAID = re.compile(r"\b(NaN|nan|None|undefined|null|inf|Infinity|True|False)\b")
RAW = re.compile(r"\b[a-z0-9]+_[a-z0-9_]+\b")


def test_every_page_of_the_menu_is_looked_at(dashboard: str, visiting: Opener) -> None:
    with visiting(f"{dashboard}/methods") as visit:
        links = visit.page.locator("#navigation a").all()
        # The audit trail holds no figure of the network, only what its readers did.
        assert [link.get_attribute("href") for link in links] == [*PAGES, "/audit"]


@pytest.mark.parametrize(("asked", "width"), LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_whatever_is_asked_for(
    dashboard: str, visiting: Opener, path: str, asked: str, width: int
) -> None:
    with visiting(dashboard + path + ASKED[asked], width) as visit:
        if asked in ("nothing asked", "one site"):
            visit.picture(f"page{path}-{asked}-{width}")
        _is_whole(visit)
        # Asked for everything, a page is made of the same parts as asked for nothing.
        assert asked == "everything" or visit.violations() == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_as_readable_in_the_dark(
    dashboard: str, visiting: Opener, path: str
) -> None:
    with visiting(f"{dashboard}{path}?site=manzanera", dark=True) as visit:
        visit.picture(f"page{path}-dark")
        _is_whole(visit)
        assert visit.violations() == []


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_for_each_viewer(
    dashboard: str, visiting: Opener, path: str, viewer: str
) -> None:
    with visiting(dashboard + path, 390, viewer=viewer) as visit:
        _is_whole(visit)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_a_network_without_a_snapshot_says_what_to_do(
    unpublished: str, visiting: Opener, path: str
) -> None:
    with visiting(unpublished + path, 390) as visit:
        _is_whole(visit)
        assert visit.page.get_by_text("Nothing has been published yet,").is_visible()
        assert visit.page.locator("article").count() == 0


def _is_whole(visit: Visit) -> None:
    """No error, no other host, no sideways scroll, and each figure in plain words."""
    assert visit.errors == []
    assert visit.abroad == []
    assert not visit.overflows()
    assert visit.page.locator("main h1").count() == 1
    assert visit.page.locator("main .notice-bad").all_inner_texts() == []
    cards = visit.page.locator("article.card-figure")
    sentences = cards.locator("> .sentence").all_inner_texts()
    assert len(sentences) == cards.count()
    whole = re.compile(r"[A-Z0-9].+[.]", re.DOTALL)
    assert [said for said in sentences if not whole.fullmatch(said)] == []
    assert [said for said in sentences if RAW.search(said)] == []
    assert _unsaid(visit) == []


def _unsaid(visit: Visit) -> list[str]:
    """Texts in which a missing value stands as a program writes it, tables too."""
    texts = visit.page.locator("main").inner_text().splitlines()
    texts += visit.page.locator("main svg text").all_text_contents()
    for table in visit.page.locator("[data-table]").all():
        rows = json.loads(table.get_attribute("data-table") or "{}")["rows"]
        texts += [c for row in rows for c in row["cells"] if isinstance(c, str)]
    return [text for text in texts if UNSAID.search(text)]
