import numpy as np
import polars as pl
import pytest

from dashboard.analysis import funnel as f
from dashboard.analysis.limits import LIMITS, Law, Method, limit
from dashboard.analysis.overdispersion import overdispersion

TAILS = (0.001, 0.025, 0.975, 0.999)
UK = pl.DataFrame(
    {"site": ["LBCL", "MCL", "B-ALL"], "events": [38, 14, 6], "n": [903, 97, 138]}
)


def by_site(frame: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row["site"]: row for row in frame.rows(named=True)}


@pytest.mark.parametrize(
    ("n", "allowed95", "allowed998"),
    [(10, 2, 4), (20, 3, 5), (50, 6, 8), (100, 10, 13)],
)
def test_a_site_at_five_per_cent_may_show_so_many_failures(
    n: int, allowed95: int, allowed998: int
) -> None:
    assert f.flag_at(n, 0.05, 0.975) == allowed95 + 1
    assert f.flag_at(n, 0.05, 0.999) == allowed998 + 1


def test_twenty_batches_are_flagged_at_seven_and_rarely_catch_a_doubling() -> None:
    assert f.flag_at(20, 0.08) == 7
    assert f.power(20, 0.08, 0.16) == pytest.approx(0.03, abs=0.005)
    assert f.power(80, 0.08, 0.16) == pytest.approx(0.20, abs=0.005)
    assert f.power(160, 0.08, 0.16) == pytest.approx(0.58, abs=0.005)


# R 4.2.2: 1 - pbinom(qbinom(.999, n, .08), n, .16)
@pytest.mark.parametrize(
    ("n", "chance"),
    [
        (20, 0.0303711338937435),
        (80, 0.201820951039051),
        (160, 0.584634768543831),
        (400, 0.970143911357307),
    ],
)
def test_power_is_summed_from_the_binomial(n: int, chance: float) -> None:
    assert f.power(n, 0.08, 0.16) == pytest.approx(chance, abs=1e-12)


@pytest.mark.parametrize("law", ["binomial", "poisson"])
@pytest.mark.parametrize("quantile", [0.975, 0.999])
@pytest.mark.parametrize("n", [5, 20, 80, 160, 400])
def test_power_agrees_with_simulation(n: int, quantile: float, law: Law) -> None:
    generator = np.random.default_rng(7)
    draws = 200_000
    if law == "binomial":
        seen = generator.binomial(n, 0.16, draws)
    else:
        seen = generator.poisson(n * 0.16, draws)
    simulated = (seen >= f.flag_at(n, 0.08, quantile, law)).mean()
    chance = f.power(n, 0.08, 0.16, quantile, law)
    assert chance is not None
    error = np.sqrt(chance * (1 - chance) / draws)
    assert simulated == pytest.approx(chance, abs=4 * error + 1 / draws)


# R 4.2.2: qbinom(c(.001, .025, .975, .999), n, p) and qpois(..., m)
@pytest.mark.parametrize(
    ("law", "n", "centre", "quantiles"),
    [
        ("binomial", 903, 58 / 1138, (27, 34, 59, 68)),
        ("binomial", 97, 58 / 1138, (0, 1, 10, 13)),
        ("binomial", 138, 58 / 1138, (1, 2, 12, 16)),
        ("binomial", 1, 0.08, (0, 0, 1, 1)),
        ("binomial", 5, 0.08, (0, 0, 2, 3)),
        ("binomial", 20, 0.08, (0, 0, 4, 6)),
        ("binomial", 50, 0.08, (0, 1, 8, 11)),
        ("binomial", 100, 0.08, (1, 3, 14, 17)),
        ("binomial", 400, 0.08, (17, 22, 43, 50)),
        ("poisson", 0.5, 1.0, (0, 0, 2, 4)),
        ("poisson", 3.0, 1.0, (0, 0, 7, 10)),
        ("poisson", 12.5, 1.0, (3, 6, 20, 25)),
        ("poisson", 40.0, 1.0, (22, 28, 53, 61)),
    ],
)
def test_the_count_rule_uses_the_quantiles_that_r_has(
    law: Law, n: float, centre: float, quantiles: tuple[int, ...]
) -> None:
    scheme = f.Scheme(law)
    inner = f.count_range(np.array([n]), centre, (0.025, 0.975), scheme)
    outer = f.count_range(np.array([n]), centre, (0.001, 0.999), scheme)
    found = [outer[0][0], inner[0][0], inner[1][0], outer[1][0]]
    assert found == list(quantiles)


# Computed in R 4.2.2 from the formulae named: (r - (F(r) - q) / f(r)) / n for the
# interpolation of Spiegelhalter 2005; sin(asin(sqrt(p)) + z / (2 sqrt(n)))^2;
# PHEindicatormethods' sigma_adjustment before clipping at 0; FunnelPlotR's chi-squared.
@pytest.mark.parametrize(
    ("law", "method", "n", "centre", "limits"),
    [
        ("binomial", "exact", 10, 0.08, (0, 0, 0.243984880138616, 0.392056583427103)),
        ("binomial", "exact", 20, 0.08, (0, 0, 0.193633535648301, 0.294268536088216)),
        (
            "binomial",
            "exact",
            97,
            0.08,
            (
                0.00275641031777697,
                0.02452554927799594,
                0.13282798599528642,
                0.17183451895998553,
            ),
        ),
        (
            "poisson",
            "exact",
            5,
            1,
            (0, 0.108413159102577, 1.875311717532554, 2.554270756327973),
        ),
        (
            "poisson",
            "exact",
            15,
            1,
            (
                0.271603804417813,
                0.490659325124390,
                1.505544362702613,
                1.855807615991860,
            ),
        ),
        (
            "binomial",
            "ukhsa",
            50,
            0.08,
            (0, 0.00480274350708166, 0.15519725649291832, 0.19856186806623172),
        ),
        (
            "binomial",
            "arcsine",
            50,
            0.08,
            (
                0.00465003578062003,
                0.02179303549486057,
                0.17026915167636245,
                0.23429745363470569,
            ),
        ),
        ("poisson", "chi_squared", 15, 1, (0.3862650, 0.5596924, 1.649348, 2.082907)),
    ],
)
def test_each_named_curve_is_the_published_one(
    law: Law, method: Method, n: float, centre: float, limits: tuple[float, ...]
) -> None:
    found = [float(limit(np.array([n]), centre, q, law, method)[0]) for q in TAILS]
    tolerance = 5e-7 if method == "chi_squared" else 1e-12
    assert found == pytest.approx(limits, abs=tolerance)


def test_ukhsa_limits_of_a_ratio_invert_the_poisson_interval() -> None:
    # R 4.2.2, uniroot as in PHEindicatormethods: with 12 observed the interval ends at
    # 6.2005751 and 20.9615850 (95 %), 4.0424408 and 27.0259812 (99.8 %).
    ends = {
        0.025: 20.96158504817696,
        0.975: 6.20057510872222,
        0.001: 27.02598119428832,
        0.999: 4.04244079042460,
    }
    for quantile, expected in ends.items():
        ratio = limit(np.array([expected]), 1.0, quantile, "poisson", "ukhsa")
        assert ratio[0] * expected == pytest.approx(12, abs=1e-6)


def test_a_method_the_law_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match="choose from exact, normal, arcsine, ukhsa"):
        limit(np.array([10]), 0.1, 0.975, "binomial", "log")


def test_the_mantle_cell_stratum_lies_above_the_outer_limit_and_others_do_not() -> None:
    rows = by_site(f.funnel(UK))
    assert {site: row["flagged"] for site, row in rows.items()} == {
        "LBCL": "none",
        "MCL": "high998",
        "B-ALL": "none",
    }
    assert rows["MCL"]["centre"] == pytest.approx(58 / 1138)
    assert (rows["MCL"]["flag_at95"], rows["MCL"]["flag_at998"]) == (11, 14)
    assert (rows["LBCL"]["flag_at998"], rows["LBCL"]["low_at95"]) == (69, 33)
    # R 4.2.2: 2 * pbinom(13, 97, 58/1138, lower.tail = FALSE)
    assert rows["MCL"]["p_value"] == pytest.approx(2 * 0.000408379958584636, abs=1e-12)


def test_flag_and_exact_p_value_say_the_same() -> None:
    counts = pl.DataFrame({"events": range(41), "n": [40] * 41})
    shown = f.funnel(counts, centre=0.2)
    beyond = {"high95", "high998", "low95", "low998"}
    for row in shown.rows(named=True):
        assert (row["p_value"] <= 0.05) == (row["flagged"] in beyond)
        assert (row["p_value"] <= 0.002) == row["flagged"].endswith("998")


def test_where_curve_and_rule_differ_the_rule_decides() -> None:
    # 4 of 20 lies above the drawn 95 % curve at 8 %, and is allowed.
    row = f.funnel(pl.DataFrame({"events": [4], "n": [20]}), centre=0.08).row(
        0, named=True
    )
    assert row["rate"] > row["upper95"]
    assert row["flagged"] == "none"
    assert row["flag_at95"] == 5


def test_a_site_that_is_not_compared_is_shown_and_sets_no_rate() -> None:
    late = UK.with_columns(reason=pl.Series([None, None, "completeness 60 %"]))
    rows = by_site(f.funnel(late))
    assert rows["B-ALL"]["flagged"] is None
    assert rows["B-ALL"]["compared"] is False
    assert rows["B-ALL"]["reason"] == "completeness 60 %"
    assert rows["B-ALL"]["rate"] == pytest.approx(6 / 138)
    assert rows["MCL"]["centre"] == pytest.approx(52 / 1000)


def test_one_site_is_not_compared_with_itself() -> None:
    row = f.funnel(UK.head(1)).row(0, named=True)
    assert (row["compared"], row["flagged"], row["reason"]) == (False, None, f.ALONE)
    assert f.funnel(UK.head(1), centre=0.02).row(0, named=True)["flagged"] == "high998"


@pytest.mark.parametrize(("events", "why"), [(0, f.NO_EVENTS), (9, f.ALL_EVENTS)])
def test_no_rate_can_be_compared_where_all_sites_are_at_an_end(
    events: int, why: str
) -> None:
    shown = f.funnel(pl.DataFrame({"events": [events] * 2, "n": [9, 9]}))
    assert shown["reason"].to_list() == [why] * 2
    assert shown["flagged"].to_list() == [None, None]
    assert shown["rate"].to_list() == [events / 9] * 2


def test_multiplicative_widening_stretches_limits_about_the_centre() -> None:
    wide = f.Scheme(widening=f.Widening("multiplicative", 4.0))
    plain, wider = f.funnel(UK), f.funnel(UK, scheme=wide)
    reach = (plain["upper95"] - plain["centre"]).to_numpy()
    assert (wider["upper95"] - wider["centre"]).to_list() == pytest.approx(
        list(2 * reach)
    )
    assert by_site(wider)["MCL"]["flagged"] == "high95"


def test_additive_widening_is_that_of_funnelplotr() -> None:
    # sin(asin(sqrt(p)) + 1.959964 sqrt(s2 + tau2))^2, FunnelPlotR's PR limits
    scheme = f.Scheme(widening=f.Widening("additive", 0.004))
    upper = f.funnel(UK, scheme=scheme)["upper95"]
    angle = np.arcsin(np.sqrt(58 / 1138)) + 1.959963984540054 * np.sqrt(
        1 / (4 * UK["n"].to_numpy()) + 0.004
    )
    assert upper.to_list() == pytest.approx(list(np.sin(angle) ** 2), abs=1e-12)


def test_a_phi_below_one_never_narrows_the_limits() -> None:
    narrow = f.Scheme(widening=f.Widening("multiplicative", 0.3))
    assert f.funnel(UK, scheme=narrow).equals(f.funnel(UK))


def test_widened_limits_flag_by_the_curve_they_draw() -> None:
    frame = pl.DataFrame({"events": range(41), "n": [40] * 41})
    phi = overdispersion(frame, centre=0.2).phi
    scheme = f.Scheme(widening=f.Widening("multiplicative", phi or 1.0))
    for row in f.funnel(frame, 0.2, scheme).rows(named=True):
        assert (row["rate"] > row["upper95"]) == row["flagged"].startswith("high")
        if row["flag_at95"] is not None:
            assert (row["events"] >= row["flag_at95"]) == (row["rate"] > row["upper95"])


def test_the_curve_widens_as_numbers_shrink_under_every_method() -> None:
    sizes = pl.DataFrame({"n": [25, 50, 100, 200, 400, 800]})
    for law, methods in LIMITS.items():
        for method in methods:
            drawn = f.curve(sizes, 0.2, f.Scheme(law, method))
            assert drawn["upper998"].is_sorted(descending=True), (law, method)
            assert (drawn["upper998"] > drawn["upper95"]).all()
