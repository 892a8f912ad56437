"""The words a column of the contract may hold, each list in the order a page shows it.

A word that is not listed rejects its row: reasons and causes are counted across
sites, and a word of one site's own cannot be counted. Sites translate theirs with
`codes` in their TOML. Parameters, texts and units have tables of their own
(`etl.contract.parameters`, `etl.contract.units`), because they carry more than a name.
"""

from typing import Final

SITE_KINDS: Final = ("manufacturer", "testing_laboratory", "both", "published")
SITE_STAGES: Final = ("pre_gmp", "onboarding", "active", "suspended", "closed")
MILESTONE_KINDS: Final = (
    "cleanroom_qualified",
    "technology_transfer_started",
    "technology_transfer_done",
    "engineering_run",
    "process_validated",
    "inspection",
    "authorised",
    "staff_trained",
    "medium_changed",
    "process_changed",
    "shutdown",
)
AUTHORISATION_KINDS: Final = (
    "manufacturing",
    "hospital_exemption",
    "clinical_trial",
    "compassionate_use",
    "marketing",
)
PRODUCT_CLASSES: Final = (
    "car_t",
    "tcr_t",
    "til",
    "treg",
    "nk",
    "msc",
    "cd34",
    "cd133",
    "tissue",
    "other",
)
PRODUCT_SOURCES: Final = ("autologous", "allogeneic")
TISSUES: Final = ("apheresis", "bone_marrow", "adipose", "umbilical", "other")
FORMATS: Final = ("fresh", "cryopreserved")
GENE_TRANSFERS: Final = ("lentiviral", "retroviral", "transposon", "mrna", "none")
CLOSE_REASONS: Final = (
    "treated",
    "died",
    "withdrawn",
    "progressed",
    "moved",
    "other",
)
PATHWAYS: Final = (
    "hospital_exemption",
    "clinical_trial",
    "compassionate_use",
    "marketing",
    "validation",
    "engineering",
)
UNCOUNTED_PATHWAYS: Final = ("validation", "engineering")
PROCESSES: Final = ("prodigy", "cocoon", "bioreactor", "flask", "other")
STARTING_MATERIALS: Final = ("fresh", "frozen")
FAILURE_STAGES: Final = (
    "starting_material",
    "activation",
    "transduction",
    "expansion",
    "harvest",
    "formulation",
    "quality_control",
    "logistics",
    "clinical",
)
FAILURE_CATEGORIES: Final = (
    "starting_material_quality",
    "no_expansion",
    "low_transduction",
    "low_viability",
    "low_purity",
    "low_dose",
    "contamination",
    "endotoxin",
    "equipment",
    "vector_or_reagent",
    "facility",
    "human_error",
    "invalid_test",
    "transport",
    "patient_died",
    "patient_withdrawn",
    "other",
)
STAGES: Final = ("starting_material", "in_process", "final_product", "post_thaw")
COMPARATORS: Final = ("=", "<", "<=", ">", ">=")
RESULT_STATES: Final = ("valid", "invalid", "not_done", "not_applicable", "pending")
VERDICTS: Final = ("pass", "fail")
GATES: Final = ("acceptance", "in_process", "provisional", "final", "release")
CRITERION_STATUSES: Final = (
    "release",
    "in_process",
    "informative",
    "starting_material",
)
OPERATORS: Final = ("<", "<=", ">", ">=", "between", "text")
DECISIONS: Final = ("released", "released_out_of_spec", "rejected")
# An out-of-specification batch goes out for the patient's sake, which is no failure.
RELEASE_REASONS: Final = (*FAILURE_CATEGORIES[:-1], "urgent_medical_need", "other")
RESOURCES: Final = (
    "slot",
    "clean_room",
    "isolator",
    "closed_system",
    "operator",
    "qualified_person",
    "quality_control",
    "vector_dose",
)
LOSS_REASONS: Final = (
    "staff",
    "equipment",
    "maintenance",
    "contamination",
    "vector",
    "patient",
    "planned_shutdown",
    "other",
)
DEVIATION_GRADES: Final = ("critical", "major", "minor")
MATERIAL_KINDS: Final = (
    "vector",
    "medium",
    "cytokine",
    "beads",
    "reagent",
    "tubing_set",
)

POPULATIONS: Final = {
    "-": "does not apply",
    "product": "product",
    "cells": "cells (not stated which)",
    "all_cells": "all cells",
    "viable_cells": "viable cells",
    "tnc": "total nucleated cells",
    "mononuclear_cells": "mononuclear cells",
    "cd3": "CD3+ cells",
    "viable_cd3": "viable CD3+ cells",
    "viable_cd45": "viable CD45+ cells",
    "cd45_cd3": "CD45+ CD3+ cells",
    "car_positive": "CAR+ cells",
    "viable_car": "viable CAR+ cells",
    "cd3_car_per_ml": "CD3+ CAR+ cells per mL",
    "transduced_cells": "transduced cells",
    "cd4": "CD4+ cells",
    "cd8": "CD8+ cells",
    "cd34": "CD34+ cells",
    "cd56": "CD56+ cells",
    "cd133": "CD133+ cells",
    "treg": "regulatory T cells",
    "msc": "mesenchymal stromal cells",
    "dna": "DNA",
}

VOCABULARIES: Final[dict[str, tuple[str, ...]]] = {
    "site_kind": SITE_KINDS,
    "site_stage": SITE_STAGES,
    "milestone_kind": MILESTONE_KINDS,
    "authorisation_kind": AUTHORISATION_KINDS,
    "product_class": PRODUCT_CLASSES,
    "product_source": PRODUCT_SOURCES,
    "tissue": TISSUES,
    "format": FORMATS,
    "gene_transfer": GENE_TRANSFERS,
    "close_reason": CLOSE_REASONS,
    "pathway": PATHWAYS,
    "process": PROCESSES,
    "starting_material": STARTING_MATERIALS,
    "failure_stage": FAILURE_STAGES,
    "failure_category": FAILURE_CATEGORIES,
    "stage": STAGES,
    "population": tuple(POPULATIONS),
    "comparator": COMPARATORS,
    "result_state": RESULT_STATES,
    "verdict": VERDICTS,
    "gate": GATES,
    "criterion_status": CRITERION_STATUSES,
    "operator": OPERATORS,
    "decision": DECISIONS,
    "release_reason": RELEASE_REASONS,
    "resource": RESOURCES,
    "loss_reason": LOSS_REASONS,
    "deviation_grade": DEVIATION_GRADES,
    "material_kind": MATERIAL_KINDS,
}
