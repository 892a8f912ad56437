from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from dashboard.analysis.readiness import CHECKS, Known, readiness

TODAY = date(2026, 11, 16)
Row = Mapping[str, Any]


def step(kind: str, product: str = "all", day: date = date(2026, 1, 5)) -> Row:
    return {"site": "a", "kind": kind, "date": day, "product": product}


def permit(kind: str, product: str = "p", until: date | None = None) -> Row:
    return {"site": "a", "kind": kind, "product": product, "valid_to": until,
            "valid_from": date(2026, 2, 1)}  # fmt: skip


def month(period: str, expected: int | None = 4, received: int = 4) -> Row:
    return {"site": "a", "dataset": "batch", "period": period, "due": TODAY,
            "expected_rows": expected, "received_rows": received}  # fmt: skip


def limit(parameter: str = "viability", laboratory: str = "a") -> Row:
    return {"site": "a", "product": "p", "parameter": parameter, "status": "release",
            "laboratory": laboratory}  # fmt: skip


MONTHS = [month(f"2026-{m:02}") for m in range(5, 11)]
WHOLE = Known(
    today=TODAY,
    milestones=[
        *(step(kind) for kind in ("cleanroom_qualified", "staff_trained",
                                  "inspection")),
        *(step(kind, "p") for kind in ("technology_transfer_started",
                                       "technology_transfer_done", "engineering_run",
                                       "process_validated")),
    ],
    authorisations=[permit("manufacturing", "all"), permit("clinical_trial")],
    criteria=[limit()],
    tests=[{"site": "a", "product": "p", "parameter": "viability", "laboratory": "a"}],
    runs=[],
    usual=[{"product": "p", "parameter": "viability"}],
    reports=MONTHS,
    agreed=0.8,
)  # fmt: skip


def missing(known: Known) -> set[str]:
    return set(readiness(known, ["a"]).filter(standing="missing")["check"])


def test_a_complete_site_lacks_nothing() -> None:
    frame = readiness(WHOLE, ["a"])
    assert frame["check"].to_list() == [check.id for check in CHECKS]
    assert set(frame["standing"]) == {"done"}


def without(kind: str) -> list[Row]:
    return [row for row in WHOLE.milestones if row["kind"] != kind]


EARLY = replace(WHOLE, authorisations=[])
LATE = date(2026, 11, 15)
LACKING = {
    "clean_room": replace(EARLY, milestones=without("cleanroom_qualified")),
    "staff": replace(EARLY, milestones=without("staff_trained")),
    "inspection": replace(EARLY, milestones=without("inspection")),
    "engineering_run": replace(EARLY, milestones=without("engineering_run")),
    "validation": replace(EARLY, milestones=without("process_validated")),
    "transfer": replace(WHOLE, milestones=without("technology_transfer_done")),
    "manufacturing": replace(WHOLE, authorisations=WHOLE.authorisations[1:]),
    "permission": replace(WHOLE, authorisations=WHOLE.authorisations[:1]),
    "criteria": replace(WHOLE, usual=[{"product": "p", "parameter": "vcn"}]),
    "laboratory": replace(WHOLE, criteria=[limit(), limit("vcn", "-")]),
    "reporting": replace(WHOLE, reports=[*MONTHS[:5], month("2026-10", 4, 3)]),
}


@pytest.mark.parametrize("check", [check.id for check in CHECKS])
def test_each_check_finds_what_it_is_for_and_no_other_does(check: str) -> None:
    allowed = {"manufacturing", "permission"} if LACKING[check].authorisations == [] \
        else set()  # fmt: skip
    assert missing(LACKING[check]) == {check} | allowed


@pytest.mark.parametrize(
    ("known", "check"),
    [
        (replace(WHOLE, authorisations=[permit("manufacturing", "all", LATE),
                                        permit("clinical_trial")]), "manufacturing"),
        (replace(WHOLE, authorisations=[permit("manufacturing", "q"),
                                        permit("clinical_trial")]), "manufacturing"),
        (replace(WHOLE, tests=[*WHOLE.tests, {"site": "a", "product": "p",
                 "parameter": "vcn", "laboratory": "a"}]), "criteria"),
        (replace(WHOLE, criteria=[]), "criteria"),
        (replace(WHOLE, reports=[*MONTHS[:5], month("2026-10", None, 0)]),
         "reporting"),
        (replace(WHOLE, reports=MONTHS[:3]), "reporting"),
    ],
)  # fmt: skip
def test_what_ran_out_is_elsewhere_or_silent_does_not_count(
    known: Known, check: str
) -> None:
    assert check in missing(known)


def test_a_later_step_stands_for_an_earlier_one_that_nobody_recorded() -> None:
    bare = replace(WHOLE, milestones=[])
    assert missing(bare) == set()
    frame = readiness(bare, ["a"])
    transfer = frame.filter(check="transfer")
    assert transfer["state"].to_list() == ["not_applicable"]
    told = frame.filter(check="validation")["found"].to_list()
    assert told == ["not recorded, but authorised since"]


def test_a_test_that_a_laboratory_ran_has_one_whatever_the_plan_says() -> None:
    ran = [*WHOLE.tests, {"site": "a", "product": "p", "parameter": "vcn",
                          "laboratory": "elsewhere"}]  # fmt: skip
    planned = [limit(), limit("vcn", "-")]
    assert missing(replace(WHOLE, criteria=planned, tests=ran)) == set()


def test_another_site_s_rows_are_not_taken_for_its_own() -> None:
    assert missing(WHOLE) == set()
    other = readiness(WHOLE, ["b"])
    assert set(other["product"]) == {"all"}
    assert set(other["standing"]) == {"missing"}


def test_each_check_says_what_it_looks_at_and_why() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.looks_at
        assert check.why.endswith(".")
