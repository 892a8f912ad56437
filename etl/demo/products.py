"""The products of the made-up network and how their quality is drawn.

Values come from two ranges with a gap between them: one of batches that went wrong,
below every limit a site sets, and one of sound batches, above them. Sites may then
set 70, 75 or 80 % and still have the same true failure rate, which is what makes
"nothing to find" true; only a limit inside the sound range costs batches.
"""

from dataclasses import dataclass, replace
from functools import cache

import polars as pl

# Limits, populations and units follow published specifications; rates follow the
# range published for academic and commercial cell therapies (4 to 36 %).
BASE_RATE = 0.11
HARD_RATE = 0.36
TERMINATED_SHARE = 0.478
OUT_OF_SPEC_SHARE = 0.2


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


@dataclass(frozen=True)
class Product:
    """A product's contract row, its true failure rate, its tests and its days."""

    product: str
    title: str
    product_class: str
    source: str
    tissue: str
    format: str
    gene_transfer: str
    indication: str
    assays: tuple[Assay, ...]
    rate: float
    process_days: tuple[int, int]
    cells: tuple[float, float]

    @property
    def two_stage(self) -> bool:
        """Fresh products go out on a provisional certificate, frozen ones wait."""
        return self.format == "fresh"


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
_CAR_T = (
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
_MSC = (
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


def _selected(marker: str, population: str) -> tuple[Assay, ...]:
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


def _lymphocytes(marker: str, population: str) -> tuple[Assay, ...]:
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


def _car_t(product: str, title: str, indication: str, rate: float) -> Product:
    return Product(
        product=product,
        title=title,
        product_class="car_t",
        source="autologous",
        tissue="apheresis",
        format="fresh",
        gene_transfer="lentiviral",
        indication=indication,
        assays=_CAR_T,
        rate=rate,
        process_days=(8, 13),
        cells=(80e6, 600e6),
    )


def _unmodified(
    product: str, title: str, kind: tuple[str, str, str, str], assays: tuple[Assay, ...]
) -> Product:
    product_class, source, tissue, format_ = kind
    days = (1, 2) if product_class in ("cd34", "cd133") else (14, 24)
    return Product(
        product=product,
        title=title,
        product_class=product_class,
        source=source,
        tissue=tissue,
        format=format_,
        gene_transfer="none",
        indication="-",
        assays=assays,
        rate=BASE_RATE,
        process_days=days,
        cells=(60e6, 130e6),
    )


PRODUCTS = (
    _car_t("car-t-cd19", "CAR-T against CD19", "B-cell malignancies", BASE_RATE),
    _car_t("car-t-bcma", "CAR-T against BCMA", "multiple myeloma", BASE_RATE),
    _car_t("car-t-cd7", "CAR-T against CD7", "T-cell leukaemia", HARD_RATE),
    _unmodified(
        "msc-adipose",
        "Adipose mesenchymal stromal cells",
        ("msc", "autologous", "adipose", "fresh"),
        _MSC,
    ),
    _unmodified(
        "msc-bone-marrow",
        "Bone-marrow mesenchymal stromal cells",
        ("msc", "allogeneic", "bone_marrow", "cryopreserved"),
        _MSC,
    ),
    _unmodified(
        "msc-umbilical",
        "Umbilical-cord mesenchymal stromal cells",
        ("msc", "allogeneic", "umbilical", "cryopreserved"),
        _MSC,
    ),
    _unmodified(
        "treg-expanded",
        "Expanded regulatory T cells",
        ("treg", "autologous", "apheresis", "fresh"),
        _lymphocytes("treg_purity", "treg"),
    ),
    _unmodified(
        "til-melanoma",
        "Tumour-infiltrating lymphocytes",
        ("til", "autologous", "other", "fresh"),
        _lymphocytes("cd3_purity", "cd3"),
    ),
    _unmodified(
        "nk-expanded",
        "Expanded natural killer cells",
        ("nk", "allogeneic", "apheresis", "cryopreserved"),
        _lymphocytes("cd56_purity", "cd56"),
    ),
    _unmodified(
        "cd34-selected",
        "Selected CD34+ cells",
        ("cd34", "autologous", "apheresis", "fresh"),
        _selected("cd34_purity", "cd34"),
    ),
    _unmodified(
        "cd133-bone-marrow",
        "CD133+ cells from bone marrow",
        ("cd133", "autologous", "bone_marrow", "fresh"),
        _selected("cd133_purity", "cd133"),
    ),
)


@cache
def by_slug() -> dict[str, Product]:
    """The products by their slug."""
    return {product.product: product for product in PRODUCTS}


def frame() -> pl.DataFrame:
    """The contract's `product` rows, the same for every made-up network."""
    columns = [
        "product",
        "title",
        "product_class",
        "source",
        "tissue",
        "format",
        "gene_transfer",
        "indication",
    ]
    return pl.DataFrame([[getattr(p, c) for c in columns] for p in PRODUCTS],
        schema=columns, orient="row")


def split_rate(rate: float) -> tuple[float, float]:
    """Chance of a termination, and of a failed release test at harvest.

    Together they give `rate` batches without a product, given that every fifth batch
    that failed a test is released out of specification all the same.
    """
    terminated = TERMINATED_SHARE * rate
    rejected = (rate - terminated) / (1 - terminated)
    return terminated, rejected / (1 - OUT_OF_SPEC_SHARE)


def failure_chance(product: Product, assay: Assay, failed: float) -> float:
    """The chance that one test fails, so that its gate fails with chance `failed`.

    Late tests of a product on provisional release keep their own small chances: their
    failures come after a product exists, and count as late failures only.
    """
    if product.two_stage and assay.gate == "final":
        return assay.share / 100
    deciding = [a for a in product.assays if not product.two_stage or a.gate != "final"]
    return float(1 - (1 - failed) ** (assay.share / sum(a.share for a in deciding)))
