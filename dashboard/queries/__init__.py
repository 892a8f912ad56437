"""The questions pages may ask: the only reader of the snapshot, and of nothing else.

Every function takes the viewer first and answers with what that viewer may see, counts
held back and all, as a polars frame whose rows say their `state` and `reason`. Pages,
the API and exports have no other way to data.
"""

from dashboard.queries.agreed import agreed_when
from dashboard.queries.ahead import slots_ahead
from dashboard.queries.assays import measured, ring_trials
from dashboard.queries.batches import counts, events, failures, parameters
from dashboard.queries.blinding import (
    Sharing,
    asking_peers,
    behind,
    blinded,
    named_peers,
    sharing,
)
from dashboard.queries.capacity import nominal_use, slots_to_come
from dashboard.queries.certification import certification_days, certified
from dashboard.queries.criteria import agreement, criteria
from dashboard.queries.days import (
    awaiting_final,
    durations,
    laboratory_days,
    weekly_sites,
)
from dashboard.queries.deviations import (
    ACTIONS,
    deviation_batches,
    deviation_days,
    deviations,
    open_actions,
)
from dashboard.queries.disclosure import POOLS, audience_rule
from dashboard.queries.draft import COUNTS as DRAFT_COUNTS
from dashboard.queries.draft import (
    draft_causes,
    draft_limits,
    draft_quantiles,
    drafted,
)
from dashboard.queries.due import agreed_completeness, agreed_silence
from dashboard.queries.issues import issues
from dashboard.queries.listing import batches
from dashboard.queries.lots import listed_lots
from dashboard.queries.network import (
    about,
    authorisations,
    cohorts,
    headings,
    milestones,
    products,
    region_of,
    sites,
)
from dashboard.queries.orders import attempts, first_attempts, order_days, orders
from dashboard.queries.publishing import late, published_steps, signing
from dashboard.queries.quality import (
    completeness,
    discordances,
    findings,
    rejects,
    reports,
    rule_counts,
    runs,
    source_errors,
)
from dashboard.queries.quality import counts as row_counts
from dashboard.queries.readiness import products_made, tests_run, usual_tests
from dashboard.queries.record import batch_facts, batch_rows, corrections
from dashboard.queries.remembered import remembered
from dashboard.queries.replay import COUNTS as REPLAY_COUNTS
from dashboard.queries.replay import OWN as OWN_SPECIFICATION
from dashboard.queries.replay import Under, causes, replayed
from dashboard.queries.sequence import sequence, silent_months
from dashboard.queries.simulation import last_year, recorded
from dashboard.queries.slots import (
    narrowest,
    queue_weekly,
    slot_starts,
    slot_use,
    slots_lost,
)
from dashboard.queries.snapshot import (
    NoSnapshotError,
    OtherVersionError,
    Snapshot,
    answering_from,
    answering_from_one,
    current,
    marks,
    previous,
    take_turns,
    under_todays_rules,
)
from dashboard.queries.standing import Standing, standing
from dashboard.queries.telling import Draft, limits_in_use
from dashboard.queries.tracing import Lot, lot_asked, lots, on_the_list, recall
from dashboard.queries.waiting import orders_waiting, queue
from dashboard.queries.wider import LeftOut, left_out

__all__ = [
    "ACTIONS",
    "OWN_SPECIFICATION",
    "DRAFT_COUNTS",
    "Draft",
    "LeftOut",
    "Lot",
    "POOLS",
    "REPLAY_COUNTS",
    "Standing",
    "Under",
    "NoSnapshotError",
    "OtherVersionError",
    "Snapshot",
    "Sharing",
    "about",
    "agreement",
    "answering_from",
    "answering_from_one",
    "asking_peers",
    "attempts",
    "audience_rule",
    "agreed_completeness",
    "agreed_silence",
    "agreed_when",
    "authorisations",
    "awaiting_final",
    "batch_facts",
    "batch_rows",
    "batches",
    "behind",
    "blinded",
    "causes",
    "certification_days",
    "certified",
    "cohorts",
    "completeness",
    "corrections",
    "counts",
    "criteria",
    "current",
    "deviation_batches",
    "deviation_days",
    "deviations",
    "discordances",
    "draft_causes",
    "draft_limits",
    "draft_quantiles",
    "drafted",
    "durations",
    "events",
    "failures",
    "findings",
    "first_attempts",
    "headings",
    "issues",
    "laboratory_days",
    "last_year",
    "late",
    "left_out",
    "limits_in_use",
    "listed_lots",
    "lot_asked",
    "lots",
    "marks",
    "measured",
    "milestones",
    "named_peers",
    "narrowest",
    "nominal_use",
    "on_the_list",
    "open_actions",
    "order_days",
    "orders",
    "orders_waiting",
    "parameters",
    "previous",
    "products",
    "products_made",
    "published_steps",
    "queue",
    "queue_weekly",
    "recorded",
    "recall",
    "region_of",
    "remembered",
    "rejects",
    "replayed",
    "reports",
    "ring_trials",
    "row_counts",
    "rule_counts",
    "runs",
    "sequence",
    "signing",
    "silent_months",
    "sites",
    "sharing",
    "slot_starts",
    "slot_use",
    "slots_ahead",
    "slots_lost",
    "slots_to_come",
    "source_errors",
    "tests_run",
    "usual_tests",
    "weekly_sites",
    "standing",
    "take_turns",
    "under_todays_rules",
]
