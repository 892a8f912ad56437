import importlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dash.development.base_component import Component

from dashboard import shell
from dashboard.filters import Filters
from dashboard.shell import Page
from dashboard.viewer import Viewer
from etl.demo.truth import truths
from etl.demo.world import Plan, World, generate
from tests.dashboard.pages.criteria_network import Ask, asker, fill, rollup
from tests.dashboard.pages.wide_network import wide_network

LEAD = Viewer("lead")
PRODUCT = "car-t-cd19"
CD19 = Filters(product=(PRODUCT,))
PAPERS = CD19.option("published", "1")
STRICT = "rhodanie"


@pytest.fixture(scope="module")
def made() -> World:
    return generate(Plan(scale=0.1))


@pytest.fixture(scope="module")
def ask(made: World, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """The made-up network with three changes, so that each state is there to see."""
    criteria = made.frame("criterion")
    site, test = pl.col("site"), pl.col("parameter")
    criteria = criteria.filter(
        ~((site == "thameslea") & (test == "gram_stain")), site != "vesuvina"
    )
    folder = tmp_path_factory.mktemp("network") / "snapshots"
    fill(folder, rollup(made, criteria))
    return asker(folder)


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    kept: list[Page] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "register", lambda name, made: kept.append(made))
        module = importlib.import_module("dashboard.pages.harmonisation")
        importlib.reload(module)
    yield module, kept[-1]


def cells(frame: pl.DataFrame, parameter: str, gate: str = "release") -> pl.DataFrame:
    return frame.filter(pl.col("parameter") == parameter, pl.col("gate") == gate)


def text(component: Any) -> str:
    if isinstance(component, Component):
        return text(getattr(component, "children", None))
    if isinstance(component, list | tuple):
        return " ".join(filter(None, map(text, component)))
    return "" if component is None else str(component)


def test_each_cell_is_the_criterion_that_its_site_has_in_force(
    made: World, ask: Ask, page: Any
) -> None:
    with ask(LEAD):
        shown = cells(page[0].criteria(LEAD, CD19), "viability")
    own = made.frame("criterion").filter(
        pl.col("product") == PRODUCT,
        pl.col("parameter") == "viability",
        pl.col("stage") == "final_product",
        pl.col("valid_to").is_null(),
        pl.col("site") != "vesuvina",
    )
    signs = {">": ">", ">=": "≥"}
    expected = {
        row["site"]: f"{signs[row['operator']]}\xa0{row['limit_low']:g}\xa0%"
        for row in own.to_dicts()
    }
    given = shown.filter(pl.col("state") == "data")
    assert dict(given.select("site", "limit").iter_rows()) == expected
    assert given["full"].str.contains("flow cytometry, provisional gate$").all()


def test_the_planted_strict_site_is_stricter_than_all_it_can_be_compared_with(
    made: World, ask: Ask, page: Any
) -> None:
    (plant,) = [p for p in truths(made)["plants"] if p["kind"] == "stricter_criteria"]
    said = plant["criterion"]
    with ask(LEAD):
        shown = cells(page[0].criteria(LEAD, CD19), said["parameter"])
        frame = page[0].criteria(LEAD, CD19.option("reference", plant["site"]))
        article = text(page[1].top(LEAD, CD19))
    row = shown.filter(pl.col("site") == plant["site"]).row(0, named=True)
    assert row["limit"] == f"≥\xa0{said['own']:g}\xa0%"
    assert (row["relation"], row["strictness"]) == ("stricter", 1.0)
    assert row["n"] >= 5
    comparable = shown.filter(~pl.col("relation").is_in(["not_comparable", "missing"]))
    others = comparable.filter(pl.col("site") != plant["site"])
    assert others["strictness"].drop_nulls().max() < 1  # type: ignore[operator]
    assert "▲▲\xa0≥\xa090\xa0%" in article
    beside = cells(frame, said["parameter"])["relation"].drop_nulls()
    assert set(beside) == {"reference", "looser", "not_comparable"}


def test_a_limit_per_kilogram_is_compared_only_where_its_reference_is_stated(
    ask: Ask, page: Any
) -> None:
    with ask(LEAD):
        shown = cells(page[0].criteria(LEAD, CD19), "endotoxin")
    row = {r["site"]: r for r in shown.to_dicts()}
    assert row["garonnette"]["relation"] == "not_comparable"
    assert "no conversion between EU/kg and EU/mL" in row["garonnette"]["because"]
    assert row["garonnette"]["unlike"] == shown.drop_nulls("limit").height - 1
    assert row["thameslea"]["relation"] in ("equal", "stricter", "looser")
    assert "for 70 kg in 100 mL" in row["thameslea"]["full"]


def test_not_tested_and_not_reported_differ(ask: Ask, page: Any) -> None:
    with ask(LEAD):
        frame = page[0].criteria(LEAD, CD19)
        article = text(page[1].top(LEAD, CD19))
    gram = {r["site"]: r for r in cells(frame, "gram_stain").to_dicts()}
    assert (gram["thameslea"]["state"], gram["thameslea"]["relation"]) == (
        "zero",
        "missing",
    )
    silent = frame.filter(pl.col("site") == "vesuvina")
    assert set(silent["state"]) == {"not_reported"}
    assert "∅\xa0not tested" in article
    assert "○\xa0not reported" in article
    assert "no specification sent" in article


def test_agreement_is_recounted_from_the_rows(made: World, ask: Ask, page: Any) -> None:
    criteria = made.frame("criterion").filter(
        pl.col("product") == PRODUCT,
        pl.col("parameter") == "cd3_purity",
        pl.col("gate") == "provisional",
        pl.col("valid_to").is_null(),
        pl.col("site") != "vesuvina",
    )
    asked = criteria.select("operator", "limit_low").rows()
    alike = sum(a == b for a, b in combinations(asked, 2))
    with ask(LEAD):
        card = {c.id: c for c in page[1].cards}["harmonisation-agreement"]
        row = cells(card.frame(LEAD, CD19), "cd3_purity").row(0, named=True)
    pairs = len(asked) * (len(asked) - 1) // 2
    assert (row["equal"], row["comparable"], row["sites"]) == (alike, pairs, len(asked))
    assert row["share"] == alike / pairs


def test_published_programmes_stand_beside_members_and_are_not_counted(
    ask: Ask, page: Any
) -> None:
    card = {c.id: c for c in page[1].cards}["harmonisation-agreement"]
    with ask(LEAD):
        frame = page[0].criteria(LEAD, PAPERS)
        alone = page[0].criteria(LEAD, CD19)
        assert card.frame(LEAD, PAPERS).equals(card.frame(LEAD, CD19))
        article = text(page[1].top(LEAD, PAPERS))
    programmes = set(frame.filter(~pl.col("member"))["site"])
    assert programmes == {"castella2019", "cd20car2024", "hucart19-2021", "kymriah-us"}
    assert not set(alone.filter(~pl.col("member"))["site"])
    assert "published · v1 · two-stage" in article
    row = {r["site"]: r for r in cells(frame, "vcn").to_dicts()}
    for site in ("hucart19-2021", "cd20car2024"):
        assert row[site]["relation"] == "not_comparable"
    assert "share of CAR+ cells" in row["cd20car2024"]["because"]
    unlisted = frame.filter(~pl.col("member"), pl.col("limit").is_null())
    assert set(unlisted["state"]) == {"not_reported"}


def test_the_filter_of_sites_changes_what_is_shown_and_not_what_it_is_beside(
    ask: Ask, page: Any
) -> None:
    one = Filters(product=(PRODUCT,), site=(STRICT,))
    with ask(LEAD):
        whole = page[0].criteria(LEAD, CD19).filter(pl.col("site") == STRICT)
        shown = page[0].criteria(LEAD, one)
    assert set(shown["site"]) == {STRICT}
    columns = ["place", "relation", "strictness", "n"]
    assert (
        shown.select(columns).sort("place").equals(whole.select(columns).sort("place"))
    )


def test_each_viewer_sees_only_the_criteria_that_are_theirs_to_see(
    ask: Ask, page: Any
) -> None:
    authority, site = Viewer("authority", region="FRK2"), Viewer("site", site=STRICT)
    public = Viewer("public")
    for viewer in (authority, site):
        with ask(viewer):
            frame = page[0].criteria(viewer, PAPERS)
            assert set(frame.filter("member")["site"]) == {STRICT}
            assert frame.filter(~pl.col("member")).height
    with ask(public):
        frame = page[0].criteria(public, Filters())
        assert not frame.is_empty()
        assert not frame["member"].any()
        for card in page[1].cards:
            sites = card.frame(public, Filters())
            named = set(sites["site"]) if "site" in sites.columns else set()
            assert STRICT not in named
        assert "theirs to show" in text(page[1].top(public, Filters()))


def test_a_site_learns_where_it_stands_in_counts_and_no_other_sites_name(
    ask: Ask, page: Any
) -> None:
    card = {c.id: c for c in page[1].cards}["harmonisation-agreement"]
    site, few = Viewer("site", site=STRICT), Viewer("site", site="guadalora")
    with ask(site):
        frame = card.frame(site, CD19)
        article = text(page[1].top(site, CD19))
    row = cells(frame, "viability").row(0, named=True)
    assert row["stricter_than"] >= 5
    assert (row["same_as"], row["looser_than"]) == (0, 0)
    assert "manzanera" not in article + str(frame.to_dicts())
    with ask(few):
        hidden = card.frame(few, Filters(product=("msc-adipose",)))
    assert set(hidden["state"]) == {"suppressed"}
    assert hidden["sites"].null_count() == hidden.height
    assert hidden["stricter_than"].null_count() == hidden.height


def test_every_card_has_its_sentence_and_figure_for_every_viewer_and_selection(
    ask: Ask, page: Any
) -> None:
    viewers = (LEAD, Viewer("authority", region="ES61"), Viewer("site", site=STRICT))
    chosen = (
        Filters(),
        PAPERS,
        Filters(site=("elbmarsch",)),
        Filters(product=("cd133-bone-marrow",)).option("published", "1"),
        CD19.option("reference", "nobody"),
    )
    for viewer in (*viewers, Viewer("site", site="elbmarsch"), Viewer("public")):
        # What is chosen tells apart only those who see much from those who see little.
        few = viewer not in (LEAD, Viewer("public"))
        with ask(viewer):
            for filters in chosen[:1] if few else chosen:
                assert text(page[1].top(viewer, filters))
                for card in page[1].cards:
                    frame = card.frame(viewer, filters)
                    said = card.sentence(frame)
                    assert said.endswith(".") and "None" not in said
                    assert "nan" not in said.lower().split()
                    if card.draw is not None:
                        card.draw(frame)


def test_a_reference_that_is_not_there_is_said(ask: Ask, page: Any) -> None:
    with ask(LEAD):
        article = text(page[1].top(LEAD, CD19.option("reference", "nobody")))
    assert "There is no specification of “nobody” here." in article


def test_sixty_sites_by_forty_parameters_are_one_table_and_one_tree(
    tmp_path: Path, page: Any
) -> None:
    """How long it takes is `python -m tests.bench.matrix`'s to say."""
    wide_network(tmp_path / "snapshots")
    with asker(tmp_path / "snapshots")(LEAD):
        rendered = page[1].top(LEAD, CD19)
        distances = page[1].cards[1]
        frame = distances.frame(LEAD, CD19)
        tree, pairs = distances.draw(frame)
    cells = [c for c in rendered._traverse() if type(c).__name__ == "Td"]
    assert len([c for c in cells if getattr(c, "title", None)]) == 60 * 40
    assert frame.height == 60 * 59 // 2
    assert sorted(tree.layout.yaxis.ticktext) == sorted(
        {*frame["site"], *frame["other"]}
    )
    assert len(pairs.data[0].y) == 59
