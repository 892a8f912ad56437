"""Every metric of the network, declared once: pages, API, Methods and tests read these.

This file declares what became of batches and holds the whole list; how long things
take, capacity and data quality stand in `metrics_service`.
"""

from dashboard.metric import Count, Definition, Metric
from dashboard.metrics_deviations import DEVIATIONS
from dashboard.metrics_service import SERVICE
from dashboard.metrics_shared import NOT_IN_RATES, QUALITY, REVIEWED

DEFINITIONS: dict[str, Definition] = {
    d.id: d
    for d in (
        Definition(
            "no_product",
            "No product",
            "The batch was terminated, expired, or was rejected before any release.",
            "batches that have ended",
            "no_product",
        ),
        Definition(
            "out_of_spec",
            "Out of specification",
            "A release criterion failed, whatever was decided about the batch.",
            "ended batches with every release criterion judged; the others are shown "
            "as undetermined",
            "out_of_spec",
        ),
        Definition(
            "released_out_of_spec",
            "Released out of specification",
            "The batch was released although out of specification, as an exception.",
            "batches that have ended",
            "released_out_of_spec",
        ),
        Definition(
            "late_failure",
            "Late failure",
            "A final result or decision failed after the batch was released "
            "provisionally.",
            "batches released provisionally",
            "late_failure",
        ),
        Definition(
            "not_infused",
            "Not infused",
            "The batch has ended and no patient received it.",
            "ended batches that were infused or are closed",
            "not_infused",
        ),
        Definition(
            "any",
            "Any failure",
            "At least one of the other five happened.",
            "batches that have ended",
            "any_failure",
        ),
    )
}

_FAILURE_WHY = {
    "no_product": "A patient who was collected from has nothing to be treated with.",
    "out_of_spec": "The product differs from what was promised, released or not.",
    "released_out_of_spec": "Each one is a benefit and risk decision for one patient.",
    "late_failure": "The patient already has the product: it cannot be recalled.",
    "not_infused": "Work, material and a collection that helped nobody.",
    "any": "The union: what went otherwise than planned, counted once a batch.",
}
_THROUGHPUT = (
    ("started", "Batches started", "How much work the network takes on."),
    ("harvested", "Batches harvested", "How much of it leaves the clean room."),
    ("released", "Batches released", "How much of it may be given to patients."),
    ("infused", "Batches infused", "How many times a patient was treated."),
)


def _failure(definition: Definition) -> Metric:
    return Metric(
        id=definition.id,
        title=definition.title,
        why=_FAILURE_WHY[definition.id],
        numerator=Count("rollup_batch", definition.column, definition.meaning),
        denominator=Count("rollup_batch", definition.of, definition.denominator),
        exclusions=f"{NOT_IN_RATES}; batches in process are shown beside the rate",
        direction="lower",
        unit="%",
        owner=QUALITY,
        reviewed=REVIEWED,
        source="batch, result, criterion and release of the contract",
        kind="share",
    )


def _event(event: str, title: str, why: str) -> Metric:
    return Metric(
        id=event,
        title=title,
        why=why,
        numerator=Count("rollup_event", "n", f"batches {event}", {"event": event}),
        denominator=None,
        exclusions="batches that count in no rate, unless asked for",
        direction="neither",
        unit="batches",
        owner=QUALITY,
        reviewed=REVIEWED,
        source="batch of the contract, in the week in which it happened",
        kind="count",
    )


def _made(id_: str, title: str, why: str, count: Count) -> Metric:
    return Metric(
        id=id_,
        title=title,
        why=why,
        numerator=count,
        denominator=None,
        exclusions="batches that count in no rate, unless asked for",
        direction="neither",
        unit="cells" if count.column == "cells" else "doses",
        owner=QUALITY,
        reviewed=REVIEWED,
        source="batch of the contract",
        kind="count",
    )


def _share(
    id_: str, titles: tuple[str, str], counts: tuple[Count, Count], good: bool
) -> Metric:
    title, why = titles
    return Metric(
        id=id_,
        title=title,
        why=why,
        numerator=counts[0],
        denominator=counts[1],
        exclusions=NOT_IN_RATES,
        direction="higher" if good else "lower",
        unit="%",
        owner=QUALITY,
        reviewed=REVIEWED,
        source="batch and release of the contract",
        kind="share",
    )


_BATCHES = (
    *(_failure(definition) for definition in DEFINITIONS.values()),
    *(_event(*row) for row in _THROUGHPUT),
    _made(
        "cells_made",
        "Cells made",
        "What a bank or an allogeneic product is planned by.",
        Count("rollup_event", "cells", "cells at harvest", {"event": "harvested"}),
    ),
    _made(
        "doses_made",
        "Doses made",
        "One allogeneic batch makes many doses: batches alone would understate it.",
        Count("rollup_event", "doses", "doses at harvest", {"event": "harvested"}),
    ),
    _made(
        "doses_released",
        "Doses released",
        "Doses that may be given to patients.",
        Count("rollup_event", "doses", "doses released", {"event": "released"}),
    ),
    _share(
        "first_pass_success",
        ("First-pass success", "Each further attempt costs the patient weeks."),
        (
            Count(
                "rollup_batch", "first_attempt_success", "first attempts with product"
            ),
            Count("rollup_batch", "first_attempt_of", "first attempts that have ended"),
        ),
        good=True,
    ),
    _share(
        "order_success",
        ("Success within the order", "A patient waits for the order, not the batch."),
        (
            Count("rollup_batch", "order_success", "orders with a released batch"),
            Count("rollup_batch", "order_of", "orders with a batch that has ended"),
        ),
        good=True,
    ),
    _share(
        "criterion_failed",
        ("Out of specification by parameter", "Says which test loses the batches."),
        (
            Count("rollup_parameter", "failed", "release criteria failed"),
            Count("rollup_parameter", "judged", "release criteria judged"),
        ),
        good=False,
    ),
    _share(
        "fails_usual",
        (
            "Would fail the usual criteria",
            "A site that asks more of its batches must not look like a bad one.",
        ),
        (
            Count("rollup_batch", "fails_usual", "lost, or a usual criterion failed"),
            Count("rollup_batch", "fails_usual_of", "ended batches that can be judged"),
        ),
        good=False,
    ),
    _share(
        "fails_own",
        (
            "Would fail its own criteria",
            "By results alone, whatever was decided: what a comparison can take apart.",
        ),
        (
            Count("rollup_batch", "fails_own", "lost, or an own criterion failed"),
            Count("rollup_batch", "fails_own_of", "ended batches that can be judged"),
        ),
        good=False,
    ),
    _share(
        "replay",
        (
            "Would fail another specification",
            "Says what a difference in criteria costs, in the sites' own batches.",
        ),
        (
            Count("replay_figure", "low", "tested batches with a failed requirement"),
            Count("replay_batch", "batch", "tested batches that can be judged"),
        ),
        good=False,
    ),
    _share(
        "failure_cause",
        ("Stage and category of failure", "Says where in the process to look first."),
        (
            Count("rollup_failure", "n", "batches without product, by stage and cause"),
            Count("rollup_batch", "no_product", "batches without product"),
        ),
        good=False,
    ),
    _share(
        "lot_failure",
        ("Failure by lot", "One bad lot fails batches at several sites at once."),
        (
            Count("rollup_material", "failed", "batches with this lot without product"),
            Count("rollup_material", "ended", "batches with this lot that have ended"),
        ),
        good=False,
    ),
    _share(
        "awaiting_final",
        ("Waiting for final certification", "Patients treated before all is known."),
        (
            Count("rollup_batch", "awaiting_final", "without a final decision"),
            Count("rollup_batch", "provisional", "released provisionally"),
        ),
        good=False,
    ),
)

METRICS: dict[str, Metric] = {
    metric.id: metric for metric in (*_BATCHES, *SERVICE, *DEVIATIONS)
}
