"""Every question that pages ask of a snapshot, as the network's lead asks it.

What only a site is told, a site asks.
"""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from dashboard import queries
from dashboard.filters import Filters
from dashboard.queries.snapshot import current
from dashboard.viewer import Viewer
from tests.bench.made_up_more import LOT

LEAD: Final = Viewer("lead")
Question = Callable[[], pl.DataFrame]
# Their answer is one row a batch, as many as there are, or judges every batch again:
# what they take grows with the network whatever the tables.
OF_BATCHES: Final = (
    *("batches", "sequence", "replayed", "causes", "drafted", "draft_causes"),
    *("draft_limits", "measured"),
)
_PLAIN: Final = (
    *("events", "failures", "parameters", "durations", "laboratory_days", "orders"),
    *("first_attempts", "attempts", "order_days", "orders_waiting", "awaiting_final"),
    *("nominal_use", "slots_to_come", "queue", "queue_weekly", "slot_use"),
    *("slot_starts", "slots_ahead", "slots_lost", "narrowest", "batches"),
    *("listed_lots", "lots", "sites", "milestones", "authorisations", "criteria"),
    *("completeness", "reports", "row_counts", "rejects", "findings", "issues"),
    *("discordances", "rule_counts", "source_errors", "silent_months"),
    *("certified", "certification_days", "deviations", "deviation_batches"),
    *("deviation_days", "open_actions", "products_made", "tests_run", "ring_trials"),
)


def questions() -> Mapping[str, Question]:
    """Each of them by its function's name, and by what it is asked for besides."""
    filters = Filters()
    asked: dict[str, Question] = {
        "counts": lambda: queries.counts(LEAD, filters, ("started", "no_product")),
        "counts by month": lambda: queries.counts(
            LEAD, filters, ("no_product", "no_product_of"), ("site", "month")
        ),
        "counts by stratum": lambda: queries.counts(
            LEAD, filters, ("no_product", "no_product_of"),
            ("site", "product", "process", "starting_material"),
        ),
        "sequence": lambda: queries.sequence(LEAD, filters, "no_product"),
        "measured": lambda: queries.measured(LEAD, filters, "viability"),
        "usual_tests": lambda: queries.usual_tests(LEAD),
        "products": queries.products,
        "cohorts": queries.cohorts,
        "runs": queries.runs,
    }  # fmt: skip
    for name in _PLAIN:
        ask = getattr(queries, name)
        asked[name] = lambda ask=ask: ask(LEAD, filters)  # type: ignore[misc]
    return {**asked, **_of_one(), **_judging(filters)}


def _of_one() -> Mapping[str, Question]:
    """What is asked of one batch, and of one lot."""
    first = "select site, batch from batch order by site, batch limit 1"
    site, batch = current().rows(first).row(0)
    record = Filters(extra={"of": site, "batch": batch})
    lot = Filters(extra={"lot": LOT})
    return {
        "batch_facts": lambda: queries.batch_facts(LEAD, record),
        "blinded": lambda: queries.blinded(Viewer("site", site=site)),
        "batch_rows": lambda: queries.batch_rows(LEAD, record, "result"),
        "corrections": lambda: queries.corrections(LEAD, record),
        "recall": lambda: queries.recall(LEAD, lot),
    }


def _judging(filters: Filters) -> Mapping[str, Question]:
    # A specification that is in force somewhere: the first site's of the first product.
    asking = "from criterion where status = 'release'"
    first = f"select product, site {asking} order by product, site limit 1"
    product, site = current().rows(first).row(0)
    criteria = current().rows(
        f"{asking} and product = $product and site = $site order by all",
        {"product": product, "site": site},
    )
    under = queries.Under(criteria)
    higher = pl.when(pl.int_range(pl.len()) == 0).then(95.0).otherwise("limit_low")
    draft = queries.Draft(under, queries.Under(criteria.with_columns(limit_low=higher)))
    limits = [float(limit) for limit in range(50, 100, 2)]
    return {
        "agreement": lambda: queries.agreement(LEAD, product),
        "replayed": lambda: queries.replayed(LEAD, filters, product, {"a": under}),
        "causes": lambda: queries.causes(LEAD, filters, product, under),
        "drafted": lambda: queries.drafted(LEAD, filters, product, draft),
        "draft_causes": lambda: queries.draft_causes(LEAD, filters, product, draft),
        "draft_limits": lambda: queries.draft_limits(
            LEAD, filters, product, under, (0, "limit_low"), limits
        ),
    }
