"""The products of the made-up network, and how often a batch of them fails."""

from dataclasses import dataclass
from functools import cache

import polars as pl

from etl.demo.assays import CAR_T, MSC, Assay, lymphocytes, selected

# Limits, populations and units follow published specifications; rates follow the
# range published for academic and commercial cell therapies (4 to 36 %).
BASE_RATE = 0.11
HARD_RATE = 0.36
TERMINATED_SHARE = 0.478
OUT_OF_SPEC_SHARE = 0.2


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
        assays=CAR_T,
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
        MSC,
    ),
    _unmodified(
        "msc-bone-marrow",
        "Bone-marrow mesenchymal stromal cells",
        ("msc", "allogeneic", "bone_marrow", "cryopreserved"),
        MSC,
    ),
    _unmodified(
        "msc-umbilical",
        "Umbilical-cord mesenchymal stromal cells",
        ("msc", "allogeneic", "umbilical", "cryopreserved"),
        MSC,
    ),
    _unmodified(
        "treg-expanded",
        "Expanded regulatory T cells",
        ("treg", "autologous", "apheresis", "fresh"),
        lymphocytes("treg_purity", "treg"),
    ),
    _unmodified(
        "til-melanoma",
        "Tumour-infiltrating lymphocytes",
        ("til", "autologous", "other", "fresh"),
        lymphocytes("cd3_purity", "cd3"),
    ),
    _unmodified(
        "nk-expanded",
        "Expanded natural killer cells",
        ("nk", "allogeneic", "apheresis", "cryopreserved"),
        lymphocytes("cd56_purity", "cd56"),
    ),
    _unmodified(
        "cd34-selected",
        "Selected CD34+ cells",
        ("cd34", "autologous", "apheresis", "fresh"),
        selected("cd34_purity", "cd34"),
    ),
    _unmodified(
        "cd133-bone-marrow",
        "CD133+ cells from bone marrow",
        ("cd133", "autologous", "bone_marrow", "fresh"),
        selected("cd133_purity", "cd133"),
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
    return pl.DataFrame(
        [[getattr(p, c) for c in columns] for p in PRODUCTS],
        schema=columns,
        orient="row",
    )


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
