import pytest

from tests.etl.judging import criterion, judged, result, verdict


@pytest.mark.parametrize(
    ("value", "unit", "limit", "limit_unit", "outcome"),
    [
        (0.5, "IU/mL", 0.5, "EU/mL", "pass"),
        (1000.0, "beads/30e6 cells", 100, "beads/3e6 cells", "pass"),
        (1000.1, "beads/30e6 cells", 100, "beads/3e6 cells", "fail"),
        # 1.1 times 10 is 11 and not a little more.
        (1.1, "beads/3e6 cells", 11, "beads/30e6 cells", "pass"),
        (1.0, "EU/mL", 5, "%", "undetermined"),
    ],
)
def test_a_result_is_converted_only_as_declared(
    value, unit, limit, limit_unit, outcome
):
    measured = result("endotoxin", value, unit)
    assert (
        verdict(measured, criterion("endotoxin", "<=", limit, limit_unit))[0] == outcome
    )


def test_a_unit_that_cannot_be_converted_is_named():
    measured = result("vcn", 3.0, "copies/100 ng DNA")
    reason = verdict(measured, criterion("vcn", "<", 5, "copies/cell"))[1]
    assert reason == "no conversion from copies/100 ng DNA to copies/cell"
    missing = verdict(result("vcn", 3.0), criterion("vcn", "<", 5, "copies/cell"))
    assert missing == ("undetermined", "unit not stated")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # 100 mL for 60 to under 65 kg: 3 EU/mL are over 4.6 and at most 5 EU/kg.
        (3.0, ("pass", None)),
        (3.25, ("fail", "above the limit")),
        (3.2, ("undetermined", "best and worst case disagree")),
    ],
)
def test_endotoxin_per_volume_is_judged_per_kilogram_by_best_and_worst_case(
    value, expected
):
    measured = result("endotoxin", value, "EU/mL")
    wanted = criterion("endotoxin", "<=", 5, "EU/kg")
    known = {"final_volume_ml": 100.0, "recipient_weight_band_kg": 60}
    assert verdict(measured, wanted, **known) == expected


def test_without_volume_or_weight_nothing_is_converted():
    measured = result("endotoxin", 0.01, "EU/mL")
    wanted = criterion("endotoxin", "<=", 5, "EU/kg")
    expected = ("undetermined", "the batch has no final volume or no weight band")
    assert verdict(measured, wanted, final_volume_ml=100.0) == expected
    assert verdict(measured, wanted, recipient_weight_band_kg=60) == expected


def test_a_reference_weight_and_volume_stand_for_the_batch():
    fixed = {"reference_weight_kg": 70.0, "reference_volume_ml": 100.0}
    wanted = criterion("endotoxin", "<=", 5, "EU/kg", **fixed)
    assert verdict(result("endotoxin", 3.5, "EU/mL"), wanted) == ("pass", None)
    assert verdict(result("endotoxin", 3.6, "EU/mL"), wanted)[0] == "fail"


def test_copies_per_cell_are_judged_per_transduced_cell_with_the_share_of_car_cells():
    wanted = criterion(
        "vcn", "<", 5, "copies/transduced cell", population="transduced_cells"
    )
    measured = result("vcn", 1.5, "copies/cell")
    share = result("car_positive", 40.0, "%", population="viable_cd3")
    rows = judged([measured, share], [wanted])
    assert rows["outcome"].to_list() == ["pass"]
    assert rows["mark"].to_list() == ["reported for cells, asked for transduced_cells"]
    low = {**share, "value": 20.0}
    assert judged([measured, low], [wanted])["reason"].to_list() == ["above the limit"]
    either = [measured, share, {**low, "population": "cells"}]
    assert judged(either, [wanted])["outcome"].to_list() == ["undetermined"]
    reason = judged([measured], [wanted])["reason"].to_list()
    assert reason == ["the batch has no share of CAR+ cells"]
