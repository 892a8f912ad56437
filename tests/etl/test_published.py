from dataclasses import replace
from pathlib import Path
from threading import Event

import polars as pl
import pytest

from connectors import ConfigError
from etl.collect import Collection, Window
from etl.comparison import compare, compare_specifications
from etl.contract.schemas import SCHEMAS
from etl.network import load_network
from etl.outcome import batch_outcomes
from etl.published import COHORTS, cohorts, sources, with_library
from etl.replay import in_force, judge
from etl.specification import criteria_from
from tests.etl.checking import arrived

NETWORK = '[network]\nname = "Members"\n'
MEMBER = """\
privacy = { key = { env = "KEY" }, key_id = "k1" }
site = { name = "Alpha", country = "ES", kind = "manufacturer", stage = "active" }
"""


def network_in(folder: Path, member: str = "alpha"):
    (folder / "sites").mkdir()
    (folder / "network.toml").write_text(NETWORK)
    (folder / "sites" / f"{member}.toml").write_text(MEMBER)
    return load_network(folder, {"KEY": "a key that is long enough to be one"})


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return with_library(network_in(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="module")
def arrivals(network):
    """What the hub makes of every bundle of every published site."""
    found = []
    for site in network.sites.values():
        collection = Collection(site, {}, Window())
        for bundle in collection.bundles(lambda step: None, Event()):
            found.append(arrived(bundle, network))
        assert collection.failures == []
    return found


def rows(arrivals, dataset):
    return pl.concat(a.good for a in arrivals if a.manifest.dataset == dataset)


@pytest.fixture(scope="module")
def criteria(arrivals):
    return rows(arrivals, "criterion")


@pytest.fixture(scope="module")
def judged(arrivals, criteria):
    results = rows(arrivals, "result")
    return judge(
        results, criteria, in_force(criteria, rows(arrivals, "batch"), results)
    )


def of(criteria, site, parameter=None, version="1"):
    own = criteria.filter(site=site, spec_version=version)
    if parameter is None:
        return criteria_from(own)
    (found,) = criteria_from(own.filter(parameter=parameter))
    return found


def test_everything_that_papers_say_is_read_and_nothing_is_rejected(arrivals):
    assert [a.rejects for a in arrivals if a.rejected] == []
    read = {}
    for arrival in arrivals:
        dataset = arrival.manifest.dataset
        read[dataset] = read.get(dataset, 0) + arrival.manifest.read
    assert read == {"criterion": 126, "batch": 95, "result": 95, "cohort": 15}
    assert rows(arrivals, "criterion").height == 126
    assert rows(arrivals, "result").height == 95
    assert rows(arrivals, "batch").height == 10


def test_papers_are_sites_of_kind_published_and_no_members(network):
    papers = [s for s in network.sites.values() if s.slug != "alpha"]
    assert {site.info.kind for site in papers} == {"published"}
    assert {site.privacy for site in papers} == {None}
    slugs = [site.slug for site in papers]
    assert slugs == [*sources()["site"], COHORTS]
    assert "hucart19-2021" in slugs
    assert sources()["citation"].null_count() == 0


def test_a_member_with_the_name_of_a_paper_is_told(tmp_path):
    with pytest.raises(ConfigError, match='"tcnk" is the name of a published source'):
        with_library(network_in(tmp_path, "tcnk"))


def test_the_library_can_be_laid_out_again(network):
    members = {"alpha": network.sites["alpha"]}
    again = with_library(replace(network, sites=members, products=()))
    assert again == network


def test_batch_numbers_are_citations(arrivals):
    batches = rows(arrivals, "batch").filter(site="castella2019")["batch"]
    assert sorted(batches) == ["ARI0001/01", "ARI0001/02", "ARI0001/03"]


def test_texts_and_figures_are_read_as_printed(arrivals):
    found = rows(arrivals, "result").select(
        *("site", "batch", "parameter", "comparator", "value", "text", "state")
    )
    said = {row[:3]: row[3:] for row in found.iter_rows()}
    assert said["treg-2021", "KD1", "viability"][-1] == "not_done"
    assert said["treg-2021", "KD1", "residual_beads"][-1] == "not_applicable"
    assert said["treg-2021", "KD1", "endotoxin"][:2] == ("<", 0.3)
    assert said["castella2019", "ARI0001/01", "endotoxin"][:2] == ("<=", 0.5)
    assert said["castella2019", "ARI0001/01", "car_positive_cells"][1] == 1495e6
    assert said["hucart19-2021", "1", "residual_beads"][1] == 0
    assert said["treg-2021", "KD1", "mycoplasma"][2] == "negative"


def test_the_three_bead_limits_are_equal(criteria):
    limits = [
        of(criteria, site, "residual_beads")
        for site in ("hucart19-2021", "treg-2016", "treg-2021")
    ]
    assert [limit.in_words() for limit in limits] == [
        "< 100 beads/3e6 cells",
        "< 100 beads/3e6 cells",
        "< 1,000 beads/30e6 cells",
    ]
    relations = {compare(a, b).relation for a in limits for b in limits}
    assert relations == {"equal"}


def test_three_results_have_no_criterion_and_they_are_counts_of_car_cells(
    arrivals, judged
):
    key = ["site", "batch", "parameter", "population"]
    results = rows(arrivals, "result")
    unjudged = results.join(judged, on=key, how="anti")
    assert unjudged["parameter"].to_list() == ["car_positive_cells"] * 3


def test_no_result_fails_and_nd_and_na_are_undetermined(judged):
    assert judged.filter(outcome="fail").is_empty()
    answered = judged.filter(pl.col("reason") != "no result")
    assert answered.select("batch", "parameter", "outcome", "reason").sort(
        "reason"
    ).rows() == [
        ("KD1", "residual_beads", "undetermined", "not applicable"),
        ("KD1", "viability", "undetermined", "not done"),
    ]
    assert judged.filter(outcome="pass").height == 90


def test_three_batches_pass_and_seven_are_undetermined(judged):
    outcomes = batch_outcomes(judged)
    passed = outcomes.filter(outcome="pass")
    assert sorted(passed["batch"]) == ["KD2", "LD1", "LD2"]
    assert outcomes.filter(outcome="undetermined").height == 7
    assert outcomes.height == 10


def test_endotoxin_limits_per_millilitre_have_one_order(criteria):
    per_ml = criteria.filter(pl.col("unit").is_in(["EU/mL", "IU/mL"]))
    limits = criteria_from(per_ml.filter(parameter="endotoxin"))
    ranked = sorted(
        limits,
        key=lambda c: sum(compare(other, c).relation == "stricter" for other in limits),
    )
    words = [f"{limit.operator}{limit.limit_high:g}" for limit in ranked]
    ordered = ["<=0.3", "<0.5", "<=0.5", "<2.5", "<5", "<12.5", "<70"]
    assert list(dict.fromkeys(words)) == ordered
    relations = {compare(a, b).relation for a in limits for b in limits}
    assert relations == {"equal", "stricter", "looser"}


def test_endotoxin_per_kilogram_needs_both_weight_and_volume(criteria):
    per_kg = [of(criteria, site, "endotoxin") for site in ("treg-2016", "thawwash")]
    per_ml = of(criteria, "tcnk", "endotoxin")
    for limit in per_kg:
        comparison = compare(limit, per_ml)
        assert comparison.relation == "not_comparable"
        assert "reference weight and volume" in comparison.reason
    assert compare(*per_kg).relation == "stricter"


def test_copies_per_dna_and_per_cell_are_not_comparable(criteria):
    per_dna = of(criteria, "hucart19-2021", "vcn")
    comparison = compare(per_dna, of(criteria, "castella2019", "vcn"))
    assert comparison.relation == "not_comparable"
    assert comparison.reason == (
        "no conversion between copies/100 ng DNA and copies/cell"
    )


def test_viability_over_70_and_from_70_differ(criteria):
    over, from_70 = (of(criteria, site, "viability") for site in ("tcnk", "cd133-2015"))
    assert (over.in_words(), from_70.in_words()) == ("> 70 %", ">= 70 %")
    assert compare(over, from_70).relation == "stricter"
    in_all_cells = of(criteria, "castella2019", "viability")
    marked = compare(over, in_all_cells)
    assert marked.relation == "stricter"
    assert marked.marks[0].startswith("population not stated")


def test_an_informative_viability_is_no_limit(criteria):
    informative = of(criteria, "liege2016", "viability")
    assert not informative.limited
    assert informative.in_words() == "no limit"


def test_the_second_version_for_cd133_is_stricter_in_three_and_unordered_as_a_whole(
    criteria,
):
    first, second = of(criteria, "cd133-2015"), of(criteria, "cd133-2015", version="2")
    whole = compare_specifications(second, first)
    relations = {a.parameter: comparison.relation for a, _, comparison in whole.pairs}
    assert relations == {
        "viability": "stricter",
        "cd133_purity": "stricter",
        "dose": "stricter",
        "sterility": "equal",
        "endotoxin": "not_comparable",
    }
    endotoxin = next(c for a, _, c in whole.pairs if a.parameter == "endotoxin")
    assert endotoxin.reason == "a text and a figure: endotoxin-free and < 0.5 EU/mL"
    assert whole.relation == "not_comparable"
    assert whole.missing_in_a == ("mycoplasma",)
    assert "does not test mycoplasma" in whole.reason
    without = [c for c in first if c.parameter not in ("mycoplasma", "endotoxin")]
    assert compare_specifications(second, without).relation == "stricter"


def without(judged, parameter, batch="ARI0001/01", outcome="fail"):
    """What is judged of one batch, with one verdict turned."""
    turned = pl.when(pl.col("parameter") == parameter).then(pl.lit(outcome))
    own = judged.filter(pl.col("batch") == batch, pl.col("reason").is_null())
    return own.with_columns(turned.otherwise("outcome").alias("outcome"))


def test_either_arm_of_the_or_group_suffices(judged):
    arms = ("potency_nalm6_survival_1_1", "potency_nalm6_difference_4_1")
    one = without(judged, arms[0])
    assert batch_outcomes(one)["outcome"].to_list() == ["pass"]
    both = without(one, arms[1])
    failed = batch_outcomes(both)
    assert failed["outcome"].to_list() == ["fail"]
    assert failed["sole_cause"].to_list() == ["potency"]


def test_both_arms_of_the_and_group_are_needed(criteria):
    arms = criteria.filter(pl.col("logic_group") == "potency:and")
    assert sorted(arms["parameter"]) == ["potency_ifn_gamma", "potency_killing"]
    figures = pl.DataFrame(
        {
            "site": "alpha",
            "batch": ["low", "low", "high", "high", "half"],
            "parameter": [*arms["parameter"], *arms["parameter"], arms["parameter"][0]],
            "unit": [*arms["unit"], *arms["unit"], arms["unit"][0]],
            "value": [51.0, 50.0, 51.0, 51.0, 51.0],
            "population": "-",
            "stage": "final_product",
            "state": "valid",
            **dict.fromkeys(("sample", "laboratory", "method", "replicate"), "-"),
        }
    )
    empty = SCHEMAS["result"].create_empty()
    results = pl.concat([empty, figures], how="diagonal")
    assignment = pl.DataFrame(
        {
            "site": "alpha",
            "batch": ["low", "high", "half"],
            "spec_site": "hucart19-2021",
            "product": "hucart19-2021",
            "spec_version": "1",
        }
    )
    outcomes = batch_outcomes(judge(results, arms, assignment))
    assert dict(outcomes.select("batch", "outcome").rows()) == {
        "low": "fail",
        "high": "pass",
        "half": "undetermined",
    }


def test_the_counts_of_cohorts_are_the_papers(arrivals):
    sent = rows(arrivals, "cohort").select(cohorts().columns)
    assert sent.sort(pl.all()).equals(cohorts().sort(pl.all()))
    preliminary = cohorts().filter(pl.col("source").str.ends_with("preliminary"))
    assert preliminary.select("numerator", "denominator").sum().row(0) == (58, 1138)
