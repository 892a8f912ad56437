import csv
import io

import polars as pl
import pytest

from dashboard import export


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1"])
def test_every_beginning_of_a_formula_is_guarded(text: str) -> None:
    frame = pl.DataFrame({"said": [text, "-3.5", "plain"]})
    lines = [row[0] for row in csv.reader(io.StringIO(export.csv(frame), newline=""))]
    assert lines == ["said", f"'{text}", "-3.5", "plain"]


def test_what_is_no_number_leaves_as_nothing() -> None:
    frame = pl.DataFrame({"value": [1.5, float("nan"), float("inf"), None]})
    assert [row["value"] for row in export.records(frame)] == [1.5, None, None, None]
    assert export.csv(frame).split("\n") == ["value", "1.5", "", "", "", ""]
