"""Declarations of deviations: how many, how long open, and what goes with them."""

from dashboard.metric import Count, Direction, Kind, Metric
from dashboard.metrics_shared import NOT_IN_RATES, QUALITY, REVIEWED

_OPENED = Count("rollup_deviation", "opened", "deviations opened")


def _declared(
    id_: str,
    titles: tuple[str, str],
    counts: tuple[Count, Count | None],
    shape: tuple[Kind, str],
    direction: Direction = "lower",
) -> Metric:
    title, why = titles
    kind, unit = shape
    return Metric(
        id=id_,
        title=title,
        why=why,
        numerator=counts[0],
        denominator=counts[1],
        exclusions=f"{NOT_IN_RATES}; sites that report no deviations",
        direction=direction,
        unit=unit,
        owner=QUALITY,
        reviewed=REVIEWED,
        source="deviation of the contract, as of the site's last news",
        kind=kind,
    )


DEVIATIONS: tuple[Metric, ...] = (
    _declared(
        "deviations_per_batch",
        (
            "Deviations per batch",
            "Few may mean a calm process, or one in which nobody writes them down.",
        ),
        (_OPENED, Count("rollup_batch", "started", "batches started")),
        ("rate", "deviations per batch"),
        "neither",
    ),
    _declared(
        "actions_open",
        ("Open corrective actions", "What was promised and is not done yet."),
        (Count("rollup_deviation", "actions_open", "actions not closed"), None),
        ("count", "actions"),
    ),
    _declared(
        "actions_overdue",
        (
            "Overdue corrective actions",
            "A cause that was found and not removed comes back.",
        ),
        (
            Count("rollup_deviation", "actions_overdue", "past their day and open"),
            Count("rollup_deviation", "actions_due", "actions whose day has passed"),
        ),
        ("share", "%"),
    ),
    _declared(
        "deviation_closing",
        ("Time to close", "A deviation that stays open keeps its batch uncertain."),
        (
            Count("rollup_deviation_days", "ended", "closed"),
            Count("rollup_deviation_days", "day", "opened: open ones censored"),
        ),
        ("duration", "days"),
    ),
    _declared(
        "deviation_of_failed",
        (
            "Deviations of failed batches",
            "Says whether failures leave a trace; it does not say what caused them.",
        ),
        (
            Count("rollup_deviation_batch", "failed_marked", "with a deviation"),
            Count("rollup_deviation_batch", "failed", "ended batches without product"),
        ),
        ("share", "%"),
        "neither",
    ),
    _declared(
        "root_cause",
        ("Root causes", "Says what to work on first."),
        (_OPENED, None),
        ("count", "deviations"),
    ),
)
