import polars as pl
import pytest

from dashboard import queries
from dashboard.filters import Filters
from dashboard.pages import readiness
from dashboard.viewer import Viewer
from tests.demo import LEAD, PUBLIC, Demo


def checks(demo: Demo, viewer: Viewer = LEAD, *sites: str) -> pl.DataFrame:
    with demo.asked_by(viewer):
        return readiness.checks(viewer, Filters(site=sites))


def test_exactly_what_was_planted_is_missing_at_the_centre(demo: Demo) -> None:
    (planted,) = demo.truth["gaps"]["readiness"].items()
    frame = checks(demo)
    assert set(frame["site"]) == {planted[0]}
    gone = frame.filter(standing="missing").select("check", "product")
    assert sorted(gone.rows()) == sorted(tuple(pair) for pair in planted[1])
    found = dict(frame.filter(standing="missing").select("check", "found").rows())
    assert found["criteria"] == "no criterion for: Vector copy number"
    assert found["laboratory"] == "no laboratory for: Mycoplasma"


def test_nothing_is_missing_at_a_site_in_routine_unless_it_fell_silent(
    demo: Demo,
) -> None:
    every = demo.rows("select site from site where kind <> 'published' and stage ="
                      " 'active'")["site"].to_list()  # fmt: skip
    gone = checks(demo, LEAD, *every).filter(standing="missing")
    assert len(every) > 20
    (silent,) = demo.planted("stopped_reporting")
    assert gone.select("site", "check").rows() == [(silent, "reporting")]


def test_the_way_so_far_is_the_milestones_and_authorisations(demo: Demo) -> None:
    with demo.asked_by(LEAD):
        frame = readiness.way(LEAD, Filters(site=("skanelund",)))
        other = readiness.way(LEAD, Filters(site=("guadalora",)))
    told = demo.rows("select kind, date from milestone where site = 'skanelund'")
    assert set(frame.select("kind", "x").rows()) == set(told.rows())
    permits = demo.rows("select * from authorisation where site = 'guadalora'").height
    assert other["kind"].str.starts_with("authorised: ").sum() == permits


@pytest.mark.parametrize(
    ("viewer", "seen"),
    [(LEAD, True), (Viewer("site", site="skanelund"), True),
     (Viewer("authority", region="SE22"), True),
     (Viewer("site", site="manzanera"), False),
     (Viewer("authority", region="ES30"), False), (PUBLIC, False)],
    ids=str,
)  # fmt: skip
def test_who_does_not_see_the_site_is_told_nothing_of_its_way(
    demo: Demo, viewer: Viewer, seen: bool
) -> None:
    frame = checks(demo, viewer)
    assert frame.is_empty() is not seen
    # A mistyped link and a link to a site that may not be seen are one.
    if not seen:
        assert checks(demo, viewer, "skanelund").equals(checks(demo, viewer, "nobody"))


def test_a_test_that_few_sites_ask_is_no_reproach_to_another(demo: Demo) -> None:
    with demo.asked_by(Viewer("site", site="manzanera")):
        usual = queries.usual_tests(Viewer("site", site="manzanera"))
        assert queries.usual_tests(PUBLIC).is_empty()
    asked = demo.rows(
        "select product, parameter, count(distinct c.site) as n from criterion as c"
        " join site as s on c.site = s.site where s.kind <> 'published'"
        " and c.status = 'release' and (valid_to is null) group by all"
    )
    few = {(p, t) for p, t, n in asked.rows() if n < 5}
    assert few
    assert not few & set(usual.select("product", "parameter").rows())
    assert ("car-t-cd19", "vcn") in set(usual.select("product", "parameter").rows())
