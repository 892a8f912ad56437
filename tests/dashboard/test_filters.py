from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.filters import LISTS, Filters, parse
from dashboard.metrics import DEFINITIONS
from dashboard.viewer import Choices

words = (
    st.text(min_size=1, max_size=30)
    .map(str.strip)
    .filter(lambda text: text and "," not in text)
)
lists = st.lists(words, unique=True, max_size=4).map(tuple)
months = st.builds("{:04}-{:02}".format, st.integers(1990, 2050), st.integers(1, 12))
names = st.from_regex(r"[a-z_]{2,12}", fullmatch=True).filter(
    lambda name: name not in ("from", "to", "definition", *LISTS)
)


@st.composite
def any_filters(draw: st.DrawFn) -> Filters:
    period = sorted(draw(st.lists(months, min_size=2, max_size=2)))
    start, end = (draw(st.sampled_from([None, month])) for month in period)
    return Filters(
        start,
        end,
        *(draw(lists) for _ in LISTS),
        definition=draw(st.sampled_from(list(DEFINITIONS))),
        extra=draw(st.dictionaries(names, words, max_size=3)),
    )


def _as_dash_reads(query: str) -> dict[str, object]:
    parsed = parse_qs(query.removeprefix("?"))
    return {k: v[0] if len(v) == 1 else v for k, v in parsed.items()}


@given(any_filters())
def test_filters_come_back_from_their_own_query_string(filters: Filters) -> None:
    assert parse(_as_dash_reads(filters.to_query())) == (filters, ())


@given(st.dictionaries(st.sampled_from(["from", "to", "site", "definition", "x"]),
                       st.one_of(st.text(), st.lists(st.text()))))  # fmt: skip
def test_no_query_string_is_an_error(query: dict[str, object]) -> None:
    filters, problems = parse(query, Choices(site=(("alpha", "Alpha"),)))
    assert set(filters.site) <= {"alpha"}
    assert all(problem.endswith("It was left out.") for problem in problems)


def test_no_filters_make_no_query_string() -> None:
    assert Filters().to_query() == ""
    assert parse({}) == (Filters(), ())


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"from": "2025-13"}, "“2025-13”, is no month"),
        ({"to": "March"}, "end of the period"),
        ({"from": "2025-06", "to": "2025-01"}, "ends (2025-01) before it starts"),
        ({"definition": "no_prodct"}, "(perhaps “no_product”)"),
        ({"site": "alhpa"}, "no site “alhpa” to show (perhaps “alpha”)"),
    ],
)
def test_a_value_that_cannot_be_right_is_left_out_with_a_sentence(
    query: dict[str, object], sentence: str
) -> None:
    filters, problems = parse(query, Choices(site=(("alpha", "Alpha"),)))
    assert filters == Filters()
    assert len(problems) == 1
    assert sentence in problems[0]


def test_a_good_value_beside_a_bad_one_is_kept() -> None:
    filters, problems = parse({"site": "beta,nope"}, Choices(site=(("beta", "Beta"),)))
    assert filters.site == ("beta",)
    assert len(problems) == 1


def test_a_key_given_twice_is_one_list() -> None:
    assert parse({"site": ["a", "b,a"]})[0].site == ("a", "b")


def test_taking_one_value_away_keeps_the_others() -> None:
    filters = Filters("2025-01", site=("a", "b"), definition="any", extra={"x": "1"})
    assert filters.without("site", "a").site == ("b",)
    assert filters.without("site").site == ()
    assert filters.without("from").start is None
    assert filters.without("definition").definition == "no_product"
    assert filters.without("x").extra == {}
    assert filters.option("definition", "not_infused").definition == "not_infused"
    assert filters.option("y", "2").extra == {"x": "1", "y": "2"}


def test_a_link_elsewhere_keeps_the_shared_filters_and_not_a_pages_own() -> None:
    assert Filters(site=("a",), extra={"tab": "2"}).shared.to_query() == "?site=a"
