"""The tests of each kind of product: usual criterion, what is found, how long it takes.

Values come from two ranges with a gap between them: one of batches that went wrong,
below every limit a site sets, and one of sound batches, above them. Sites may then
set 70, 75 or 80 % and still have the same true failure rate, which is what makes
"nothing to find" true; only a limit inside the sound range costs batches.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Assay:
    """One test: its usual criterion, its two ranges, its days to a report.

    `sound` and `wrong` are (lowest, highest); sound values follow Beta(4, 2) where more
    is better and Beta(2, 4) where less is. `share` is this test's part in the failures
    of its gate; without a limit the test is informative.
    """

    parameter: str
    population: str
    stage: str
    gate: str
    operator: str
    limit: float | None
    unit: str | None
    sound: tuple[float, float]
    wrong: tuple[float, float]
    share: float
    category: str
    method: str
    days: tuple[int, int]
    decimals: int = 1
    censored_below: float | None = None
    status: str = "release"

    @property
    def is_text(self) -> bool:
        """Whether the result is a word: negative or positive."""
        return self.operator == "text"


def _flow(
    parameter: str, population: str, limit: float, share: float, **rest: object
) -> Assay:
    made = Assay(
        parameter=parameter,
        population=population,
        stage="final_product",
        gate="provisional",
        operator=">=",
        limit=limit,
        unit="%",
        sound=(81.0, 99.8),
        wrong=(40.0, 68.0),
        share=share,
        category="low_purity",
        method="flow-cytometry",
        days=(0, 1),
    )
    return replace(made, **rest)  # type: ignore[arg-type]


def _text(
    parameter: str, gate: str, share: float, method: str, days: tuple[int, int]
) -> Assay:
    return Assay(
        parameter=parameter,
        population="product",
        stage="final_product",
        gate=gate,
        operator="text",
        limit=None,
        unit=None,
        sound=(0.0, 0.0),
        wrong=(1.0, 1.0),
        share=share,
        category="contamination",
        method=method,
        days=days,
    )


def _dose(population: str, limit: float, sound: tuple[float, float]) -> Assay:
    return _flow(
        "dose",
        population,
        limit,
        1.5,
        unit="cells",
        sound=sound,
        wrong=(limit * 0.1, limit * 0.8),
        category="low_dose",
        method="cell-count",
        decimals=-4,
    )


VIABILITY = _flow(
    "viability",
    "all_cells",
    70.0,
    2.0,
    sound=(80.5, 97.5),
    wrong=(42.0, 68.5),
    category="low_viability",
)
ENDOTOXIN = Assay(
    parameter="endotoxin",
    population="product",
    stage="final_product",
    gate="provisional",
    operator="<=",
    limit=0.5,
    unit="EU/mL",
    sound=(0.02, 0.28),
    wrong=(8.0, 14.0),
    share=0.2,
    category="endotoxin",
    method="lal-method-d",
    days=(0, 1),
    decimals=2,
    censored_below=0.1,
)
GRAM = _text("gram_stain", "provisional", 0.1, "gram", (0, 0))
STERILITY = _text("sterility", "final", 0.5, "microbiological-examination", (10, 15))
MYCOPLASMA = _text("mycoplasma", "final", 0.2, "nat", (3, 8))
RCL = _text("rcl", "final", 0.05, "pcr", (7, 18))
VCN = Assay(
    parameter="vcn",
    population="cells",
    stage="final_product",
    gate="final",
    operator="<",
    limit=5.0,
    unit="copies/cell",
    sound=(0.4, 4.6),
    wrong=(10.5, 14.0),
    share=0.25,
    category="vector_or_reagent",
    method="qpcr",
    days=(6, 14),
    decimals=2,
)
ARRIVED = replace(
    VIABILITY,
    stage="starting_material",
    gate="acceptance",
    share=0.0,
    status="starting_material",
)
ARRIVED_CD3 = _flow(
    "cd3_purity",
    "cd3",
    10.0,
    0.0,
    stage="starting_material",
    gate="acceptance",
    sound=(18.0, 85.0),
    status="starting_material",
)
MIDWAY = replace(
    VIABILITY, stage="in_process", gate="in_process", share=0.0, status="in_process"
)
INTERFERON = replace(
    ENDOTOXIN,
    parameter="potency_ifn_gamma",
    population="cells",
    gate="final",
    operator=">",
    limit=None,
    unit="pg/mL",
    sound=(60.0, 2400.0),
    share=0.0,
    method="elisa",
    days=(5, 12),
    decimals=0,
    censored_below=None,
    status="informative",
)
CAR_POSITIVE = _flow(
    "car_positive",
    "cells",
    20.0,
    2.0,
    sound=(22.0, 68.0),
    wrong=(1.5, 9.0),
    category="low_transduction",
)
CAR_T = (
    ARRIVED,
    ARRIVED_CD3,
    MIDWAY,
    VIABILITY,
    _flow("cd3_purity", "cells", 70.0, 0.7),
    CAR_POSITIVE,
    _dose("car_positive", 35e6, (60e6, 420e6)),
    ENDOTOXIN,
    GRAM,
    STERILITY,
    MYCOPLASMA,
    VCN,
    RCL,
    INTERFERON,
)
MSC = (
    MIDWAY,
    VIABILITY,
    *(_flow(marker, "cells", 70.0, 0.5) for marker in ("cd73", "cd90", "cd105")),
    _flow(
        "negative_markers",
        "cells",
        5.0,
        0.5,
        operator="<=",
        sound=(0.1, 1.9),
        wrong=(5.5, 12.0),
    ),
    _dose("msc", 20e6, (40e6, 160e6)),
    ENDOTOXIN,
    GRAM,
    STERILITY,
    MYCOPLASMA,
    _text("karyotype", "final", 0.2, "g-banding", (14, 24)),
)


def selected(marker: str, population: str) -> tuple[Assay, ...]:
    """The tests of cells that are selected by one marker and given at once."""
    return (
        ARRIVED,
        VIABILITY,
        _flow(marker, "cells", 50.0, 1.0, sound=(72.0, 99.0), wrong=(15.0, 45.0)),
        _dose(population, 1e6, (2e6, 12e6)),
        ENDOTOXIN,
        GRAM,
        STERILITY,
        MYCOPLASMA,
    )


def lymphocytes(marker: str, population: str) -> tuple[Assay, ...]:
    """The tests of lymphocytes that are expanded but not modified."""
    return (
        ARRIVED,
        MIDWAY,
        VIABILITY,
        _flow(marker, "cells", 70.0, 1.0),
        _dose(population, 100e6, (200e6, 4000e6)),
        ENDOTOXIN,
        GRAM,
        STERILITY,
        MYCOPLASMA,
        INTERFERON,
    )
