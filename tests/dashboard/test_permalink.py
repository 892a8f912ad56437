import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dash
import polars as pl
import pytest
from click.testing import CliRunner

from connectors import ConfigError, PocnetError
from dashboard import app, card, export, permalink, queries
from dashboard.commands.verify import command
from dashboard.filters import Filters
from dashboard.journal import Journal
from dashboard.permalink import Asked
from dashboard.recomputing import verify
from dashboard.viewer import Request, Viewer, asking
from tests.demo import LEAD, PUBLIC, Demo
from tests.etl.drops import write_network
from tests.etl.pulling import leave_more, pulled

VIEWERS = [
    LEAD,
    Viewer("authority", region="ES30"),
    Viewer("site", site="manzanera"),
    PUBLIC,
]
ASKED = Asked("card", "?site=alpha", "7", LEAD)
FRAME = pl.DataFrame(
    {"site": ["a", "b"], "n": [8, None], "share": [0.25, float("nan")],
     "state": ["data", "suppressed"]}
)  # fmt: skip


def links(
    demo: Demo, viewer: Viewer, filters: Filters, names: Sequence[str]
) -> dict[str, str]:
    """The link under each figure, as this viewer is shown it."""
    drawn = {}
    with demo.asked_by(viewer):
        for name in names:
            each = card.every()[name]
            frame = each.frame(viewer, filters)
            link = permalink.link(name, each.sentence(frame), frame, filters)
            assert link is not None, name
            drawn[name] = link
    return drawn


@pytest.fixture(scope="module")
def figures(demo: Demo) -> list[str]:
    """The figures of every page."""
    if len(card.every()) <= 60:  # Other tests may have brought in a page or two.
        dash.Dash(__name__, use_pages=True, pages_folder="")
        app._import_pages()
    names = sorted(card.every())
    assert len(names) > 60
    return names


def test_a_figure_is_the_same_whatever_the_order_of_its_rows_and_sums() -> None:
    turned = FRAME.reverse().with_columns(pl.col("share") * (1 + 1e-14))
    assert permalink.sealed(ASKED, "Said.", FRAME, b"k") == permalink.sealed(
        ASKED, "Said.", turned, b"k"
    )


@pytest.mark.parametrize("part", ["sentence", "site", "n", "share"])
def test_each_part_that_is_another_is_named(part: str) -> None:
    then = permalink.sealed(ASKED, "Said.", FRAME, b"k")
    others: dict[str, Any] = {"site": "c", "n": 9, "share": 0.26}
    sentence = "Said otherwise." if part == "sentence" else "Said."
    frame = FRAME
    if part != "sentence":
        frame = FRAME.with_columns(pl.lit(others[part]).alias(part))
    now = permalink.sealed(ASKED, sentence, frame, b"k")
    assert [name for name in then if then[name] != now[name]] == [part]


def test_what_is_sealed_is_what_the_api_answers_and_nothing_behind_it() -> None:
    """A hidden value is null before it is sealed, so nothing of it can be in a seal."""
    answered = pl.DataFrame(export.records(FRAME), schema=export.flat(FRAME).schema)
    assert permalink.sealed(ASKED, "Said.", answered, b"k") == permalink.sealed(
        ASKED, "Said.", FRAME, b"k"
    )


def test_nobody_without_the_key_can_try_numbers_out_until_a_seal_is_right() -> None:
    """A count under ten has ten values: an open hash of it would tell which it is."""
    with_key = permalink.sealed(ASKED, "Said.", FRAME, b"k")
    without = permalink.sealed(ASKED, "Said.", FRAME, b"")
    assert not set(with_key.values()) & set(without.values())
    for other in (
        Asked("card", "", "7", LEAD),
        Asked("card", "?site=alpha", "8", LEAD),
        Asked("card", "?site=alpha", "7", PUBLIC),
        Asked("other", "?site=alpha", "7", LEAD),
    ):
        elsewhere = permalink.sealed(other, "Said.", FRAME, b"k")
        assert not set(with_key.values()) & set(elsewhere.values())


def test_the_key_is_made_once_for_each_network_and_read_by_its_account_alone(
    tmp_path: Path,
) -> None:
    here, there = (tmp_path / name / "journal.sqlite" for name in "ab")
    first = permalink.key(here)
    permalink.key.cache_clear()
    assert permalink.key(here) == first != permalink.key(there)
    assert len(first) == 32
    (kept,) = (tmp_path / "a").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def all_equal(demo: Demo, viewer: Viewer, names: Sequence[str]) -> None:
    filters = Filters(start="2023-01", product_class=("car_t",))
    for name, link in links(demo, viewer, filters, names).items():
        verified = verify(f"https://pocnet.example{link}", demo.folder)
        assert verified.equal, (name, verified)
        assert (verified.run, verified.viewer) == (1, str(viewer))
        assert not verified.rebuilt


@pytest.mark.parametrize("turn", range(4))
def test_figures_are_found_equal_from_their_links(
    demo: Demo, figures: list[str], turn: int
) -> None:
    all_equal(demo, VIEWERS[turn], figures[turn::16])


@pytest.mark.slow
@pytest.mark.parametrize("viewer", VIEWERS, ids=str)
def test_every_figure_is_found_equal_from_its_link(
    demo: Demo, figures: list[str], viewer: Viewer
) -> None:
    all_equal(demo, viewer, figures)


def test_a_link_carries_no_number_of_the_figure(demo: Demo, figures: list[str]) -> None:
    drawn = links(demo, PUBLIC, Filters(), figures[::8])
    for link in drawn.values():
        asked = parse_qs(urlsplit(link).query)
        assert set(asked) == {"in-run", "shown-to", "counted-by", "seals"}
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{8})*", asked["seals"][0])
    secret = permalink.key(demo.folder / "data" / "journal.sqlite").hex()
    assert not any(secret in link for link in drawn.values())


def test_a_link_that_was_changed_is_found_different(
    demo: Demo, figures: list[str]
) -> None:
    (link,) = links(demo, LEAD, Filters(), ["failure-funnel"]).values()
    other = link.replace("shown-to=lead", "shown-to=public")
    found = verify(other, demo.folder)
    assert "sentence" in found.differs and not found.because
    seals = parse_qs(urlsplit(link).query)["seals"][0].split("-")
    forged = link.replace(seals[1], "0" * 8)
    assert len(verify(forged, demo.folder).differs) == 1
    foreign = re.sub(r"\.[0-9a-f]{6}&seals", ".abcdef&seals", forged)
    assert "another key" in verify(foreign, demo.folder).because[0]


def test_a_run_that_is_kept_no_longer_is_made_again_and_compared(
    tmp_path: Path, figures: list[str]
) -> None:
    folder = write_network(tmp_path / "network")
    shown = pulled(folder).snapshot.parent
    journal = Journal(folder / "data" / "journal.sqlite")
    about = queries.about(shown, LEAD)
    drawn = []
    with asking(Request(LEAD, shown, journal, about)):
        for name in ("failure-funnel", "rejects", "milestones"):
            each = card.every().get(name) or card.every()[figures[0]]
            frame = each.frame(LEAD, Filters())
            sentence = each.sentence(frame)
            drawn.append(permalink.link(each.id, sentence, frame, Filters()))
    leave_more(folder)
    assert pulled(folder).run == 2
    (shown / "1.duckdb").unlink()
    for link in drawn:
        done = CliRunner().invoke(command, [str(link), str(folder)])
        assert "made again from the archive" in done.stdout, done.exception
        assert done.stdout.startswith("Equal")
    now = str(drawn[0]).replace("in-run=1", "in-run=2")
    done = CliRunner().invoke(command, [now, str(folder), "--json"])
    said = json.loads(done.stdout)
    assert (said["equal"], said["rebuilt"]) == (False, False)
    with pytest.raises(PocnetError, match="no record of run 9"):
        verify(str(drawn[0]).replace("in-run=1", "in-run=9"), folder)


@pytest.mark.parametrize(
    "link", ["", "https://example.org/", "/figure/", "/figure/x?in-run=1", "/api/v1/"]
)
def test_what_is_no_link_is_refused(link: str, demo: Demo) -> None:
    with pytest.raises(ConfigError, match="no link to a figure"):
        verify(link, demo.folder)
