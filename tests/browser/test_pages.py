"""Every page at every width, whoever looks and whatever is asked for."""

import json
import re
from typing import NamedTuple

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
# What a page is asked for; everything fills the widest page, nothing the narrowest.
NOTHING_ASKED = ""
EVERYTHING = "?from=2021-11&to=2026-11&definition=any"
ONE_SITE = "?site=manzanera"
NO_DATA = "?from=2001-01&to=2001-02"


class Look(NamedTuple):
    """As what, how wide and in which colours a page is seen, and asked for what."""

    width: int
    asked: str = NOTHING_ASKED
    viewer: str = ""
    dark: bool = False


# A visit takes ten seconds of one core, and tests/dashboard/pages asks every card as a
# function for each viewer and selection. So every run sees each page twice, wide and
# light as the lead, narrow and dark as a site; without data and as the public, only
# those with most figures, rows and notices. The slow tier sees the rest.
ALWAYS = (Look(1440), Look(390, viewer="site:manzanera", dark=True))
ON_A_FEW = (Look(390, NO_DATA), Look(390, viewer="public"))
SELDOM = (
    Look(390),
    Look(390, viewer="site:manzanera"),
    Look(390, viewer="authority:ES30"),
    Look(390, ONE_SITE),
    Look(1440, ONE_SITE),
    Look(1440, ONE_SITE, dark=True),
    Look(1440, EVERYTHING),
)
FEW = ("/", "/failures", "/harmonisation", "/quality")


def seldom(path: str, look: Look) -> bool:
    """Whether this look at this page waits for the slow tier."""
    return look in SELDOM or (look in ON_A_FEW and path not in FEW)


LOOKS = [
    pytest.param(path, look, marks=pytest.mark.slow if seldom(path, look) else ())
    for path in PAGES
    for look in (*ALWAYS, *ON_A_FEW, *SELDOM)
]
# What a program writes where it has no value, and never a person.
UNSAID = re.compile(r"\b(NaN|nan|None|undefined|null|inf|Infinity|True|False)\b")
RAW = re.compile(r"\b[a-z0-9]+_[a-z0-9_]+\b")


def test_every_page_of_the_menu_is_looked_at(dashboard: str, visiting: Opener) -> None:
    with visiting(f"{dashboard}/methods") as visit:
        links = visit.page.locator("#navigation a").all()
        # The audit trail holds no figure of the network, only what its readers did.
        assert [link.get_attribute("href") for link in links] == [*PAGES, "/audit"]


@pytest.mark.parametrize(("path", "look"), LOOKS, ids=str)
def test_a_page_is_whole_and_clean_whoever_looks_and_whatever_is_asked_for(
    dashboard: str, visiting: Opener, path: str, look: Look
) -> None:
    address = dashboard + path + look.asked
    with visiting(address, look.width, look.dark, look.viewer) as visit:
        visit.picture(f"page{path}-{'-'.join(map(str, look))}")
        _is_whole(visit)
        # Asked for everything, a page is made of the same parts as asked for nothing.
        assert look.asked == EVERYTHING or visit.violations() == []


@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=() if p in FEW else pytest.mark.slow) for p in PAGES]
)
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
