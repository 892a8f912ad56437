"""Which specifications the harmonisation page lays side by side, as its URL asks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from dashboard import queries
from dashboard.analysis.agreement import USUAL
from dashboard.analysis.versions import in_force
from dashboard.filters import Filters
from dashboard.viewer import Viewer

# Under this many members, “what most of them ask” would be one or two sites' criteria.
_FEWEST_FOR_USUAL = 5

GATES = {"acceptance": "acceptance", "in_process": "in process", "release": "release"}
_CLASSES = {
    "car_t": "CAR-T",
    "tcr_t": "TCR-T",
    "til": "TIL",
    "treg": "Treg",
    "nk": "NK",
    "msc": "MSC",
    "cd34": "CD34",
    "cd133": "CD133",
}
NO_ROWS = pl.DataFrame(schema={"site": pl.String, "state": pl.String})


def many(number: int, word: str) -> str:
    """A number with its word: 1 test, 2 tests."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def test_at() -> pl.Expr:
    """A test's name, with its gate where it is not the release."""
    at = pl.format("{} ({})", "test", pl.col("gate").replace(GATES))
    return (
        pl.when(pl.col("gate") == "release").then("test").otherwise(at).alias("test_at")
    )


@dataclass(frozen=True)
class Subject:
    """One product whose specifications are comparable, and how many are seen by name.

    `product` is None for a class of which the viewer sees publications only.
    """

    product: str | None
    product_class: str
    title: str
    specifications: int


@dataclass(frozen=True)
class Asked:
    """One subject's specifications, and the one that all are compared with.

    `criteria` holds all versions, `held` the one in force of each site, both with
    `member`. `shown` are the sites to show: filters choose among them, never what they
    are compared with. `silent` make the product and have sent no specification.
    """

    subjects: tuple[Subject, ...]
    subject: Subject
    criteria: pl.DataFrame
    held: pl.DataFrame
    reference: str
    published: bool
    shown: tuple[str, ...]
    silent: tuple[str, ...]

    @property
    def reference_words(self) -> str:
        """The reference in the middle of a sentence."""
        usual = self.reference == USUAL
        return "what most members ask" if usual else self.reference


def asked(viewer: Viewer, filters: Filters) -> Asked | None:
    """What the URL asks for; None where the viewer may see no criterion at all.

    Without a product, the one with the most specifications: a matrix of two products
    would lay unlike things side by side. Who sees no member sees the publications.
    """
    everything = queries.criteria(viewer, Filters(), published=True).with_columns(
        (pl.col("kind") != "published").alias("member")
    )
    subjects = _subjects(everything)
    if not subjects:
        return None
    named = queries.headings(viewer, filters)
    theirs = everything.filter(pl.col("site").is_in(named))["product"]
    subject = _chosen(subjects, filters, set(theirs))
    of_class = pl.col("product_class") == subject.product_class
    mine = pl.col("member") & (pl.col("product") == (subject.product or ""))
    published = subject.product is None or filters.extra.get("published") == "1"
    criteria = everything.filter(
        mine.fill_null(False) | (~pl.col("member") & of_class & published)
    )
    held = in_force(criteria)
    reference = _reference(held, filters.extra.get("reference"))
    shown = held.filter(
        pl.col("site").is_in(named) | ~pl.col("member") | (pl.col("site") == reference)
    )
    silent = _silent(viewer, filters, subject, held)
    return Asked(
        tuple(subjects), subject, criteria, held, reference, published,
        (*sorted(set(shown["site"])), *silent), silent,
    )  # fmt: skip


def _subjects(criteria: pl.DataFrame) -> list[Subject]:
    """Products with members' criteria, by title; then classes known by papers only."""
    products = (
        criteria.filter("member")
        .group_by("product", "product_class", "title")
        .agg(pl.col("site").n_unique())
        .sort("title", "product")
    )
    found = [
        Subject(product, of or "other", title or product, sites)
        for product, of, title, sites in products.iter_rows()
    ]
    known = {subject.product_class for subject in found}
    papers = (
        criteria.filter(~pl.col("member"), ~pl.col("product_class").is_in([*known]))
        .group_by("product_class")
        .agg(pl.col("site").n_unique())
        .drop_nulls("product_class")
        .sort("product_class")
    )
    return found + [
        Subject(None, of, f"{_CLASSES.get(of, of)}, published", sites)
        for of, sites in papers.iter_rows()
    ]


def _chosen(subjects: Sequence[Subject], filters: Filters, theirs: set[str]) -> Subject:
    """The product asked for, else of the class, else one the chosen sites make."""
    asked = [s for s in subjects if s.product in filters.product]
    asked = asked or [s for s in subjects if s.product_class in filters.product_class]
    asked = asked or [s for s in subjects if s.product in theirs]
    return max(asked or subjects, key=lambda s: s.specifications)


def _reference(held: pl.DataFrame, asked: str | None) -> str:
    members: list[str] = sorted(set(held.filter("member")["site"]))
    if asked is not None and asked in set(held["site"]):
        return asked
    if len(members) >= _FEWEST_FOR_USUAL:
        return USUAL
    return members[0] if members else str(held["site"].min())


def _silent(
    viewer: Viewer, filters: Filters, subject: Subject, held: pl.DataFrame
) -> tuple[str, ...]:
    """Named sites that started batches of the product and sent no specification."""
    if subject.product is None:
        return ()
    only = replace(Filters(), product=(subject.product,))
    made = queries.counts(viewer, only, ("started",), counted=False)
    named = set(queries.sites(viewer, filters)["site"])
    begun = made.filter(pl.col("state").is_in(["data", "suppressed"]))
    return tuple(sorted(set(begun["site"]) & named - set(held["site"])))
