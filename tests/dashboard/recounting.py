"""The slow, obvious way to count: one contract row after the other, in plain Python."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import Any

from tests.demo import Demo
from tests.etl.slow_judging import slow_outcomes

Row = dict[str, Any]
DEFINITIONS = (
    "no_product",
    "out_of_spec",
    "released_out_of_spec",
    "late_failure",
    "not_infused",
    "any_failure",
)


class Recount:
    """What the contract rows of a snapshot say, counted by hand."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.today = date.fromisoformat(demo.truth["today"])

    def table(self, name: str) -> list[Row]:
        return self.demo.rows(f'select * from "{name}"').to_dicts()

    @cached_property
    def sites(self) -> dict[str, Row]:
        return {
            row["site"]: row for row in self.table("site") if row["kind"] != "published"
        }

    @cached_property
    def products(self) -> dict[str, Row]:
        return {row["product"]: row for row in self.table("product")}

    @cached_property
    def laboratories(self) -> dict[str, set[str]]:
        """The laboratories that tested for each site."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.table("result"):
            if row["laboratory"] != "-":
                found[row["site"]].add(row["laboratory"])
        return found

    @cached_property
    def decisions(self) -> dict[tuple[str, str], list[Row]]:
        return grouped(self.table("release"))

    @cached_property
    def requirements(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """Gate and outcome of everything that a batch had to meet."""
        found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        arms: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for row in self.judged:
            whose = row["site"], row["batch"]
            if row["alternatives"] is None:
                found[whose].append((row["gate"], row["outcome"]))
            else:
                arms[(*whose, row["gate"], row["alternatives"])].append(row["outcome"])
        for (site, batch, gate, _), outcomes in arms.items():
            best = "undetermined" if "undetermined" in outcomes else "fail"
            best = "pass" if "pass" in outcomes else best
            found[(site, batch)].append((gate, best))
        return found

    @cached_property
    def judged(self) -> list[Row]:
        return [row for row in self.table("judged") if row["status"] == "release"]

    @cached_property
    def batches(self) -> list[Row]:
        """Members' batches with what became of them, by metrics.md."""
        return [
            self._with_fate(row)
            for row in self.demo.rows(BATCH_COLUMNS).to_dicts()
            if row["site"] in self.sites
        ]

    @cached_property
    def orders(self) -> list[Row]:
        """Orders with a batch: the first one's columns, and what all of them gave."""
        found: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.counted:
            if row["order_key"]:
                found[(row["site"], row["order_key"])].append(row)
        return [
            {
                **min(rows, key=lambda r: (r["attempt"] or 1, r["batch"])),
                "ended": any(not r["in_process"] for r in rows),
                "released": any(r["first_release"] for r in rows),
                "treated": min(
                    (r["infused"] for r in rows if r["infused"]), default=None
                ),
            }
            for rows in found.values()
        ]

    @cached_property
    def counted(self) -> list[Row]:
        return [row for row in self.batches if row["counted"]]

    def _with_fate(self, batch: Row) -> Row:
        key = batch["site"], batch["batch"]
        decisions = self.decisions.get(key, [])
        words = {row["decision"] for row in decisions}
        let_go = [r for r in decisions if r["decision"].startswith("released")]
        provisional = [r for r in let_go if r["gate"] == "provisional"]
        final = [r for r in decisions if r["gate"] in ("final", "release")]
        rejected = [r["decided"] for r in decisions if r["decision"] == "rejected"]
        has_product = bool(let_go) or batch["infused"] is not None
        gone = batch["ended"] is not None or "rejected" in words
        fate: Row = {
            **batch,
            "product_class": self.products[batch["product"]]["product_class"],
            "counted": batch["pathway"] not in ("validation", "engineering")
            and self.sites[batch["site"]]["stage"] != "pre_gmp",
            "first_release": min((r["decided"] for r in let_go), default=None),
            "provisional": min((r["decided"] for r in provisional), default=None),
            "final": min((r["decided"] for r in final), default=None),
            "rejected": min(rejected, default=None),
            "in_process": not has_product and not gone,
        }
        fate |= dict.fromkeys(DEFINITIONS)
        if not fate["in_process"]:
            fate |= self._failures(fate, words, has_product)
        return fate

    def _failures(self, batch: Row, words: set[str], has_product: bool) -> Row:
        asked = self.requirements.get((batch["site"], batch["batch"]), [])
        outcomes = {outcome for _, outcome in asked}
        decisions = self.decisions.get((batch["site"], batch["batch"]), [])
        late = ("final", "fail") in asked or any(
            r["gate"] == "final" and r["decision"] == "rejected" for r in decisions
        )
        closed = batch["ended"] or batch["rejected"] or batch["infused"]
        flags = {
            "no_product": not has_product,
            "out_of_spec": "fail" in outcomes
            if outcomes and "undetermined" not in outcomes
            else None,
            "released_out_of_spec": "released_out_of_spec" in words,
            "late_failure": late if batch["provisional"] else None,
            "not_infused": batch["infused"] is None if closed else None,
        }
        return {**flags, "any_failure": any(flags.values())}

    def judged_slowly(self, site: str) -> dict[tuple[str, ...], str]:
        """Outcome of each release criterion of a site's batches, and of each gate."""
        criteria = [r for r in self.table("criterion") if r["site"] == site]
        results = grouped(r for r in self.table("result") if r["site"] == site)
        found: dict[tuple[str, ...], str] = {}
        for batch in self.batches:
            key = site, batch["batch"]
            version = in_force(batch, criteria, results.get(key, []))
            if batch["site"] != site or version is None:
                continue
            assigned = {**batch, "spec_version": version}
            ours = results.get(key, [])
            criterion_by_criterion, gates = slow_outcomes(ours, criteria, assigned)
            found |= {(batch["batch"], gate): said for gate, said in gates.items()}
            for c, outcome in criterion_by_criterion:
                named = [c[k] for k in ("gate", "parameter", "population", "method")]
                if c["status"] == "release":
                    found[(batch["batch"], *named)] = outcome
        return found


BATCH_COLUMNS = (
    "select site, batch, product, pathway, trial, order_key, attempt, collected,"
    " received, started, harvested, infused, ended, failure_stage, failure_category,"
    " process, starting_material, cells_final, doses_made, doses_released,"
    " doses_infused, final_volume_ml, recipient_weight_band_kg from batch"
)


def in_force(batch: Row, criteria: list[Row], results: list[Row]) -> str | None:
    """The version its results name, else the one valid when the batch began."""
    versions = {
        c["spec_version"]: (c["valid_from"] or date.min, c["valid_to"] or date.max)
        for c in criteria
        if c["product"] == batch["product"]
    }
    named = {r["spec_version"] for r in results} & set(versions)
    begun = batch["started"] or batch["received"] or batch["collected"]
    valid = [v for v, (since, until) in versions.items() if since <= begun <= until]
    return max(named or valid, key=lambda v: (versions[v][0], v), default=None)


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[(row["site"], row["batch"])].append(row)
    return found


def total(
    rows: Iterable[Row], by: Callable[[Row], Any], worth: Callable[[Row], Any]
) -> dict[Any, Any]:
    """The sum of `worth` by group; a row that is worth None is in no group."""
    found: dict[Any, Any] = Counter()
    for row in rows:
        if (value := worth(row)) is not None:
            found[by(row)] += value
    return dict(found)


def in_period(day: date | None, filters: Mapping[str, Any]) -> bool:
    month = f"{day:%Y-%m}" if day else ""
    since, until = filters.get("start") or "", filters.get("end") or "9999"
    return bool(month) and since <= month <= until


def asked_for(row: Row, filters: Mapping[str, Any]) -> bool:
    """Whether a batch is of the products and pathways asked for."""
    return all(
        row[key] in filters[key] for key in ("product", "pathway") if key in filters
    )
