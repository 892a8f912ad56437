"""Declarations of how long things take, of capacity, and of the data's own quality."""

from dashboard.metric import Count, Direction, Kind, Metric
from dashboard.metrics_shared import CAPACITY, DATA, NOT_IN_RATES, QUALITY, REVIEWED

# Of each step: its title and why anyone should care.
STEPS: dict[str, tuple[str, str]] = {
    "ordered_collected": (
        "Order to collection",
        "The wait for a slot, in which a patient's disease goes on.",
    ),
    "collected_received": (
        "Collection to receipt",
        "Fresh material keeps for about three days.",
    ),
    "received_started": (
        "Receipt to start",
        "Material that waits in the unit loses quality.",
    ),
    "started_harvested": ("Start to harvest", "How long a slot is taken."),
    "harvested_released": (
        "Harvest to release",
        "Testing and certification, the part that organisation can shorten.",
    ),
    "released_infused": (
        "Release to infusion",
        "Transport and the state of the patient.",
    ),
    "provisional_final": (
        "Provisional to final certification",
        "So long a patient has had a product of which not all is known.",
    ),
    "ordered_infused": (
        "Order to infusion (vein to vein)",
        "What the patient lives through: all steps together.",
    ),
}


def _step(step: str, title: str, why: str) -> Metric:
    return Metric(
        id=step,
        title=title,
        why=why,
        numerator=Count("rollup_duration", "ended", "took the step", {"step": step}),
        denominator=Count(
            "rollup_duration",
            "day",
            "began it: running ones censored, lost batches competing",
            {"step": step},
        ),
        exclusions=f"{NOT_IN_RATES}; steps begun or taken on a day nobody stated",
        direction="lower",
        unit="days",
        owner=QUALITY,
        reviewed=REVIEWED,
        source="demand, batch and release of the contract; Aalen-Johansen",
        kind="duration",
    )


def _laboratory() -> Metric:
    return Metric(
        id="laboratory_turnaround",
        title="Laboratory turnaround",
        why="A product cannot be certified before its slowest result.",
        numerator=Count("rollup_laboratory", "ended", "results reported"),
        denominator=Count(
            "rollup_laboratory", "day", "samples taken: those not reported censored"
        ),
        exclusions="tests not done and not applicable",
        direction="lower",
        unit="days",
        owner=QUALITY,
        reviewed=REVIEWED,
        source="result of the contract, sampled to reported; Kaplan-Meier",
        kind="duration",
    )


def _capacity(
    id_: str,
    titles: tuple[str, str],
    counts: tuple[Count, Count | None],
    direction: Direction,
    unit: str,
) -> Metric:
    title, why = titles
    numerator, denominator = counts
    ratio: Kind = "share" if unit == "%" else "rate"
    return Metric(
        id=id_,
        title=title,
        why=why,
        numerator=numerator,
        denominator=denominator,
        exclusions="weeks for which a site reported no capacity",
        direction=direction,
        unit=unit,
        owner=CAPACITY,
        reviewed=REVIEWED,
        source="capacity and loss of the contract, in batch starts a week",
        kind="count" if denominator is None else ratio,
    )


def _data(
    id_: str, titles: tuple[str, str], counts: tuple[Count, Count | None], good: bool
) -> Metric:
    title, why = titles
    numerator, denominator = counts
    return Metric(
        id=id_,
        title=title,
        why=why,
        numerator=numerator,
        denominator=denominator,
        exclusions="published sites",
        direction="higher" if good else "lower",
        unit="%" if denominator else "findings",
        owner=DATA,
        reviewed=REVIEWED,
        source="what the network received and how it was judged",
        kind="share" if denominator else "count",
    )


_USED = Count("capacity", "used", "batch starts that used the resource")
_STAFFED = Count("capacity", "staffed", "batch starts that the staff could carry")
_SLOTS = Count("capacity", "staffed", "staffed slots", {"resource": "slot"})
_STARTS = Count("rollup_event", "n", "batches started", {"event": "started"})
_YEAR = Count("rollup_event", "n", "started in twelve months", {"event": "started"})

_CAPACITY = (
    _capacity(
        "starts_per_slot",
        (
            "Starts per staffed slot",
            "Throughput made comparable between sizes of site.",
        ),
        (_STARTS, _SLOTS),
        "neither",
        "starts per slot",
    ),
    _capacity(
        "utilisation",
        ("Utilisation", "Near 100 % any disturbance makes patients wait."),
        (_USED, _STAFFED),
        "neither",
        "%",
    ),
    _capacity(
        "staffing",
        ("Staffed of theoretical", "Rooms and machines that stand still for people."),
        (
            _STAFFED,
            Count("capacity", "theoretical", "batch starts if all were staffed"),
        ),
        "higher",
        "%",
    ),
    _capacity(
        "lost",
        ("Slots lost, by reason", "Says which shortage costs the most batches."),
        (Count("loss", "lost", "batch starts lost"), None),
        "lower",
        "batch starts",
    ),
    _capacity(
        "waiting",
        ("Waiting", "Orders that have no slot yet."),
        (Count("capacity", "waiting", "orders waiting, in the last week"), None),
        "lower",
        "orders",
    ),
    _capacity(
        "weeks_of_wait",
        ("Weeks of wait", "How long the queue would take at the present rate of use."),
        (Count("capacity", "waiting", "orders waiting, in the last week"), _USED),
        "lower",
        "weeks",
    ),
    _capacity(
        "nominal_use",
        ("Use of the nominal capacity", "What was promised against what was started."),
        (_YEAR, Count("site", "nominal_capacity", "products a year")),
        "neither",
        "%",
    ),
)

_DATA = (
    _data(
        "completeness",
        ("Completeness", "A rate from half of the batches may say anything."),
        (
            Count("report", "received_rows", "rows received"),
            Count("report", "expected_rows", "rows the site says it has"),
        ),
        good=True,
    ),
    _data(
        "timeliness",
        ("Timeliness", "Old figures hide new trouble."),
        (
            Count("report", "received_at", "reports received by the due day"),
            Count("report", "due", "reports due"),
        ),
        good=True,
    ),
    _data(
        "validity",
        ("Rejected rows", "Each is a row the network cannot use, with its reason."),
        (
            Count("count", "rejected", "rows rejected"),
            Count("count", "read", "rows read"),
        ),
        good=False,
    ),
    _data(
        "plausibility",
        ("Plausibility", "Rows that contradict each other: one of them is wrong."),
        (Count("finding", "rule", "findings across datasets"), None),
        good=False,
    ),
    _data(
        "discordance",
        ("Discordance", "The decision does not follow from the recorded results."),
        (
            Count("discordance", "batch", "decisions that do not follow"),
            Count("release", "decision", "decisions recorded"),
        ),
        good=False,
    ),
    _data(
        "agreement",
        ("Agreement of criteria", "The same product should mean the same everywhere."),
        (
            Count(
                "criterion", "parameter", "comparable site pairs with equal criteria"
            ),
            Count("criterion", "parameter", "comparable site pairs"),
        ),
        good=True,
    ),
)

_RING_TRIAL = Metric(
    id="ring_trial_score",
    title="Ring-trial score",
    why="Tells whether a laboratory reads high or low before a product is blamed.",
    numerator=Count("ring_trial", "specimen", "readings scored against the reference"),
    denominator=None,
    exclusions="readings that are no figure",
    direction="neither",
    unit="readings",
    owner=QUALITY,
    reviewed=REVIEWED,
    source="ring_trial of the contract; ISO 13528:2015, z or z'",
    kind="count",
)

_OUTSTANDING = Metric(
    id="results_outstanding",
    title="Results outstanding",
    why="Sampled and not reported: the certification clock is running.",
    numerator=Count("rollup_laboratory", "censored", "samples without a result"),
    denominator=None,
    exclusions="tests not done and not applicable",
    direction="lower",
    unit="results",
    owner=QUALITY,
    reviewed=REVIEWED,
    source="result of the contract",
    kind="count",
)

SERVICE: tuple[Metric, ...] = (
    *(_step(step, *words) for step, words in STEPS.items()),
    _laboratory(),
    _OUTSTANDING,
    _RING_TRIAL,
    *_CAPACITY,
    *_DATA,
)
