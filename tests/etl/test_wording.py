"""Columns of words: what a text says is the same whatever was read before it."""

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import values
from etl.wording import worded

KINDS = (
    {"kind": "word", "vocabulary": "pathway"},
    {"kind": "parameter"},
    {"kind": "unit"},
    {"kind": "slug"},
    {"kind": "pseudonym"},
    {"kind": "text"},
    {"kind": "lot"},
)
TEXTS = (
    *(None, "", "-", "n/a", "Hospital exemption", "hospital_exemption", "hospital"),
    *("Viability", "viability", "viabilty", "%", "10^6/kg", "10^6/kgs"),
    *("AB 12", "ab12", "--", "a  b", "x" * 300),
)  # fmt: skip
SITES = ("alpha", "beta")


def read(texts: list[str | None], meta: dict[str, str], site: str) -> list[Any]:
    return worded(pl.Series(texts, dtype=pl.String), meta, site).rows()


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=12),
    st.sampled_from(KINDS),
    st.sampled_from(SITES),
)
def test_a_column_is_read_as_each_of_its_cells_is_read_alone_and_first(
    texts: list[str | None], meta: dict[str, str], site: str
) -> None:
    together = read(texts, meta, site)
    for text, said in zip(texts, together, strict=True):
        values._read_before.cache_clear()
        assert [said] == read([text], meta, site)


def test_a_refused_word_is_told_of_the_site_that_wrote_it() -> None:
    meta = {"kind": "word", "vocabulary": "pathway"}
    for site in SITES:
        ((value, reason, expected),) = read(["hospitl exemption"], meta, site)
        assert (value, reason) == (None, "vocabulary")
        assert site in expected and "hospital_exemption" in expected


def test_more_words_than_are_kept_are_read_all_the_same() -> None:
    many = [f"lot {number}" for number in range(2 * values._FEW)]
    said = [value for value, _, _ in read([*many, *many], {"kind": "lot"}, "alpha")]
    assert said == 2 * [text.upper().replace(" ", "") for text in many]
