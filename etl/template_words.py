"""What the template says to whoever fills it in, and its example rows.

The examples are rows that pass every check; they stand above the header and are never
read.
"""

from collections.abc import Mapping
from typing import Final

NOTES: Final = (
    "Fill in below the coloured line; what is above it is never read. Yellow columns "
    "are needed. Leave empty what you do not know. Sheets you have nothing for stay "
    "empty. Never write a name, a birth date or a patient's number anywhere."
)
PURPOSES: Final[Mapping[str, str]] = {
    "milestone": "what happened at the site on a day, such as a validation",
    "authorisation": "what the site may make, since when and until when",
    "demand": "orders, one row for each patient, also those that never had a batch",
    "batch": "batches, one row each, from collection to infusion",
    "result": "test results, one row for each test of a batch",
    "criterion": "the specification: one row for each limit of each version",
    "release": "decisions: one row for each gate of a batch",
    "capacity": "batch starts that each resource could carry, week by week",
    "loss": "batch starts lost, by resource, week and reason",
    "deviation": "deviations, and what was done about them",
    "material": "lots that went into a batch",
    "ring_trial": "the laboratory's own results for specimens sent round",
    "declared": "how many rows the site says it has for a month",
}
EXAMPLES: Final[Mapping[str, Mapping[str, str]]] = {
    "milestone": {"kind": "process_validated", "date": "2026-01-12", "product": "all"},
    "authorisation": {
        "product": "all",
        "kind": "hospital_exemption",
        "valid_from": "2026-01-01",
        "authority": "AEMPS",
    },
    "demand": {
        "order_key": "P-118",
        "product": "car-t-cd19",
        "region": "ES-CT",
        "referred": "2026-02-02",
        "ordered": "2026-02-05",
        "collected": "2026-02-16",
    },
    "batch": {
        "batch": "B-026",
        "product": "car-t-cd19",
        "pathway": "hospital_exemption",
        "order_key": "P-118",
        "attempt": "1",
        "collected": "2026-02-16",
        "received": "2026-02-16",
        "started": "2026-02-17",
        "harvested": "2026-02-27",
        "infused": "2026-03-09",
        "process": "prodigy",
        "starting_material": "fresh",
        "cells_final": "212000000",
        "final_volume_ml": "100",
        "doses_made": "2",
        "doses_infused": "1",
    },
    "result": {
        "batch": "B-026",
        "parameter": "viability",
        "population": "cd3",
        "stage": "final_product",
        "value": "94.2",
        "unit": "%",
        "sampled": "2026-02-27",
        "verdict": "pass",
    },
    "criterion": {
        "product": "car-t-cd19",
        "spec_version": "3",
        "gate": "final",
        "parameter": "viability",
        "population": "cd3",
        "stage": "final_product",
        "status": "release",
        "operator": ">=",
        "limit_low": "70",
        "unit": "%",
        "valid_from": "2026-01-01",
    },
    "release": {
        "batch": "B-026",
        "gate": "final",
        "decision": "released",
        "decided": "2026-03-06",
    },
    "capacity": {
        "resource": "clean_room",
        "week": "2026-02-16",
        "theoretical": "2",
        "staffed": "2",
        "booked": "1",
        "used": "1",
        "waiting": "0",
    },
    "loss": {
        "resource": "clean_room",
        "week": "2026-02-16",
        "reason": "staff",
        "lost": "1",
    },
    "deviation": {
        "deviation": "D-07",
        "batch": "B-026",
        "grade": "minor",
        "category": "equipment",
        "opened": "2026-02-20",
        "closed": "2026-03-02",
    },
    "material": {
        "batch": "B-026",
        "kind": "vector",
        "supplier": "own",
        "lot": "LV-22-014",
        "expires": "2027-06-30",
    },
    "ring_trial": {
        "round": "2026-1",
        "specimen": "s1",
        "parameter": "viability",
        "value": "88.0",
        "unit": "%",
    },
    "declared": {"dataset": "batch", "period": "2026-02", "expected_rows": "4"},
}
