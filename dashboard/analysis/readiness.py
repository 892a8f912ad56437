"""What a site still lacks on its way to routine: each check declared once.

From pre-GMP through technology transfer and engineering runs to authorisation. A check
says what it looks at and why; it is `done`, `missing`, or does not apply. Where a later
step presupposes an earlier one that nobody recorded, the later one stands for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from dashboard.analysis.wording import title

MONTHS: Final = 6
NOT_YET: Final = ("pre_gmp", "onboarding")
ALL: Final = "all"
_MANUFACTURING: Final = "manufacturing"
SCHEMA: Final = {
    **dict.fromkeys(("site", "product", "check", "title", "standing"), pl.String),
    "since": pl.Date,
    **dict.fromkeys(("found", "looks_at", "why", "state", "reason"), pl.String),
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """All that the checks look at, of one site or of several.

    `milestones`, `authorisations`, `criteria` (in force) and `reports` are rows of the
    contract; `tests` are the site's own by product, parameter and laboratory;
    `runs` its batches by product and pathway; `usual` the products and parameters that
    most sites test. `agreed` is the share of its rows that a site agreed to send.
    """

    today: date
    milestones: Sequence[Row]
    authorisations: Sequence[Row]
    criteria: Sequence[Row]
    tests: Sequence[Row]
    runs: Sequence[Row]
    usual: Sequence[Row]
    reports: Sequence[Row]
    agreed: float

    def of(self, site: str) -> "Known":
        """What is known of one site; what is usual is everybody's."""
        names = ("milestones", "authorisations", "criteria", "tests", "runs", "reports")
        mine = {n: [r for r in getattr(self, n) if r["site"] == site] for n in names}
        return Known(self.today, usual=self.usual, agreed=self.agreed, **mine)

    @property
    def products(self) -> list[str]:
        """What the site makes or means to make."""
        rows = (*self.milestones, *self.authorisations, *self.criteria, *self.runs)
        return sorted({row["product"] for row in rows} - {ALL})

    def reached(self, kind: str, product: str = ALL) -> date | None:
        """The day of the first milestone of a kind, for a product or for all."""
        days = [row["date"] for row in _about(self.milestones, product)
                if row["kind"] == kind]  # fmt: skip
        return min(days, default=None)

    def permitted(self, product: str, manufacturing: bool) -> date | None:
        """Since when a permission in force today covers the product."""
        days = [
            row["valid_from"]
            for row in _about(self.authorisations, product)
            if (row["kind"] == _MANUFACTURING) == manufacturing
            and row["valid_from"] <= self.today
            and (row["valid_to"] is None or row["valid_to"] >= self.today)
        ]
        return min(days, default=None)


@dataclass(frozen=True)
class Finding:
    """How a check stands: done since a day or since nobody knows when, or missing."""

    standing: str
    found: str
    since: date | None = None


@dataclass(frozen=True)
class Check:
    """One check: what it looks at, why, and how to see how it stands."""

    id: str
    title: str
    looks_at: str
    why: str
    find: Callable[[Known, str], Finding]
    by_product: bool = True


def readiness(known: Known, sites: Sequence[str]) -> pl.DataFrame:
    """One row a site, product (or `all`) and check, in the order of the checks."""
    rows = [row for site in sites for row in _checked(known.of(site), site)]
    return pl.DataFrame(rows, schema=SCHEMA)


def _checked(known: Known, site: str) -> Iterator[dict[str, object]]:
    for check in CHECKS:
        for product in known.products if check.by_product else [ALL]:
            found = check.find(known, product)
            applies = found.standing != "not applicable"
            yield {
                "site": site,
                "product": product,
                "check": check.id,
                "title": check.title,
                "standing": found.standing,
                "since": found.since,
                "found": found.found,
                "looks_at": check.looks_at,
                "why": check.why,
                "state": "data" if applies else "not_applicable",
                "reason": None if applies else found.found,
            }


def _about(rows: Sequence[Row], product: str) -> list[Row]:
    """The rows about a product or about all; asked for all, every row of the site."""
    if product == ALL:
        return list(rows)
    return [row for row in rows if row["product"] in (product, ALL)]


def _step(kind: str, manufacturing: bool) -> Callable[[Known, str], Finding]:
    """A milestone that was recorded, or that a permission in force presupposes."""

    def find(known: Known, product: str) -> Finding:
        day = known.reached(kind, product)
        if day is not None:
            return Finding("done", "recorded", day)
        later = known.permitted(product, manufacturing)
        if later is not None:
            return Finding("done", "not recorded, but authorised since", later)
        return Finding("missing", "nothing recorded")

    return find


def _transfer(known: Known, product: str) -> Finding:
    begun = known.reached("technology_transfer_started", product)
    done = known.reached("technology_transfer_done", product)
    if done is not None:
        return Finding("done", "recorded", done)
    if begun is None:
        return Finding("not applicable", "no transfer was begun")
    return Finding("missing", f"begun on {begun:%-d %b %Y}, not done")


def _engineering(known: Known, product: str) -> Finding:
    made = [r["product"] for r in known.runs if r["pathway"] == "engineering"]
    if known.reached("engineering_run", product) is None and product in made:
        return Finding("done", "engineering batches were sent")
    return _step("engineering_run", False)(known, product)


def _permission(manufacturing: bool) -> Callable[[Known, str], Finding]:
    def find(known: Known, product: str) -> Finding:
        day = known.permitted(product, manufacturing)
        if day is None:
            return Finding("missing", "none in force")
        return Finding("done", "in force", day)

    return find


def _criteria(known: Known, product: str) -> Finding:
    """Tests that most sites have, or that it runs, and that have no criterion here."""
    own = {r["parameter"] for r in known.criteria if r["product"] == product}
    if not own:
        return Finding("missing", "no specification in force")
    asked = {r["parameter"] for r in known.usual if r["product"] == product}
    run = {r["parameter"] for r in known.tests if r["product"] == product}
    lacking = sorted((asked | run) - own)
    if lacking:
        return Finding("missing", f"no criterion for: {_titles(lacking)}")
    return Finding("done", f"{len(own)} tests have one")


def _laboratory(known: Known, product: str) -> Finding:
    """Tests of the specification that no laboratory is named for, nor ever ran."""
    asked = [r for r in known.criteria
             if r["product"] == product and r["status"] != "informative"]  # fmt: skip
    if not asked:
        return Finding("not applicable", "no specification in force")
    known_at = {r["parameter"] for r in known.tests
                if r["product"] == product and r["laboratory"] != "-"}  # fmt: skip
    named = {r["parameter"] for r in asked if r["laboratory"] != "-"} | known_at
    lacking = sorted({r["parameter"] for r in asked} - named)
    if lacking:
        return Finding("missing", f"no laboratory for: {_titles(lacking)}")
    return Finding("done", "every test has one")


def _reporting(known: Known, product: str) -> Finding:
    """Whether the last months that are due came, and as whole as was agreed."""
    due = [r for r in known.reports if r["due"] <= known.today]
    months = sorted({r["period"] for r in due})[-MONTHS:]
    if len(months) < MONTHS:
        return Finding("missing", f"{len(months)} of {MONTHS} months are due so far")
    broken = [month for month in months if not _whole(due, month, known.agreed)]
    if broken:
        return Finding("missing", f"incomplete or silent: {', '.join(broken)}")
    return Finding("done", f"the last {MONTHS} months came as agreed")


def _whole(due: Sequence[Row], month: str, agreed: float) -> bool:
    """Something came, and of every dataset the agreed share of what was announced."""
    rows = [r for r in due if r["period"] == month]
    shares = [(r["received_rows"] or 0) / r["expected_rows"]
              for r in rows if r["expected_rows"]]  # fmt: skip
    heard = any(r["received_rows"] for r in rows)
    return heard and all(share >= agreed for share in shares)


def _titles(parameters: Sequence[str]) -> str:
    return ", ".join(title(parameter) for parameter in parameters)


_AUTHORISATIONS = "authorisations in force on the network's day"
CHECKS: Final = (
    Check(
        "clean_room", "Clean room",
        "milestone clean room qualified, or an authorisation to manufacture",
        "No batch for a patient is made in a room that nobody qualified.",
        _step("cleanroom_qualified", True), by_product=False,
    ),
    Check(
        "staff", "Staff",
        "milestone staff trained, or an authorisation to manufacture",
        "A process is as good as the hands that do it.",
        _step("staff_trained", True), by_product=False,
    ),
    Check(
        "transfer", "Transfer done",
        "milestones technology transfer started and done",
        "A transfer that was begun and not finished leaves two processes of one name.",
        _transfer,
    ),
    Check(
        "engineering_run", "Engineering run",
        "milestone or batches of the pathway engineering, or a permission to treat",
        "It shows, without a patient, that the process runs here.",
        _engineering,
    ),
    Check(
        "validation", "Validated",
        "milestone process validated, or a permission to treat",
        "It shows that the process gives the same product again and again.",
        _step("process_validated", False),
    ),
    Check(
        "inspection", "Inspected",
        "milestone inspection, or an authorisation to manufacture",
        "An authority has seen it.",
        _step("inspection", True), by_product=False,
    ),
    Check(
        "manufacturing", "May manufacture", _AUTHORISATIONS,
        "Without it nothing may be made for a patient.", _permission(True),
    ),
    Check(
        "permission", "May treat", _AUTHORISATIONS,
        "Hospital exemption, trial or another pathway: under one of them it is given.",
        _permission(False),
    ),
    Check(
        "criteria", "Criteria",
        "tests that most of at least five sites ask, and tests that it runs itself",
        "A test without a limit releases nothing.", _criteria,
    ),
    Check(
        "laboratory", "Laboratories",
        "the laboratory planned in the specification, or one that sent a result",
        "A batch waits for the test that nobody does.", _laboratory,
    ),
    Check(
        "reporting", "Steady reports",
        f"the last {MONTHS} months due: something came, and the agreed share of it all",
        "A site that cannot report before it treats will not do so afterwards.",
        _reporting, by_product=False,
    ),
)  # fmt: skip
