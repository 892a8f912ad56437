from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors import Extract, Page, Source, SourceError, open_keys, open_source
from tests.connectors.servers.senaite import Lims, senaite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lims() -> Iterator[Lims]:
    with senaite() as running:
        for _ in range(6):
            running.sample()
        yield running


def analyses(lims: Lims, since: str | None = None) -> list[Page]:
    source = Source("alpha", "main", "senaite", lims.options)
    extract = Extract("result", "Analysis", {"page_size": 5})
    return list(open_source(source)(extract, since))


def test_a_real_lims_is_read_once_then_what_changed_and_after_a_break(
    lims: Lims, monkeypatch: pytest.MonkeyPatch
) -> None:
    [whole] = analyses(lims)
    assert whole.frame["uid"].n_unique() == whole.frame.height == 18
    last = lims.found("Analysis", "_analysis", getRequestID="FP-0006")
    for analysis in last:
        lims.change(analysis["uid"], Result="91,5")
        lims.change(analysis["uid"], transition="submit")
    assert lims.sample() == "FP-0007"
    # The overlap is five minutes: what is asked for begins just before now.
    lately = datetime.now(UTC) + timedelta(minutes=4)
    [changed] = analyses(lims, lately.isoformat())
    assert {"FP-0006", "FP-0007"} <= set(changed.frame["getRequestID"])
    results = dict(zip(changed.frame["uid"], changed.frame["Result"], strict=True))
    assert {results[analysis["uid"]] for analysis in last} == {"91,5"}
    [nothing] = analyses(lims, (lately + timedelta(hours=1)).isoformat())
    assert nothing.frame.is_empty()

    monkeypatch.setattr("connectors.senaite.KEYS", 5)
    source = Source("alpha", "main", "senaite", lims.options)
    extract = Extract("result", "Analysis", {"page_size": 5})
    broken = open_source(source)(extract, None)
    got = [next(broken), next(broken)]
    rest = list(open_source(source)(extract, got[-1].resume))
    found = [ref for page in [*got, *rest] for ref in page.refs]
    assert len(found) == len(set(found)) == 21
    keys = open_keys(source)
    assert keys is not None
    assert [ref for refs in keys(extract) for ref in refs] == found


@pytest.mark.parametrize("way", ["basic", "cookie"])
def test_a_real_lims_does_not_know_a_wrong_password(lims: Lims, way: str) -> None:
    right = {**lims.options, "sign_in": way}
    extract = Extract("result", "Analysis", {})
    reader = open_source(Source("alpha", "main", "senaite", right))
    assert list(reader(extract, None))[0].frame.height >= 18
    wrong = Source("alpha", "main", "senaite", {**right, "password": "wr0ng"})
    with pytest.raises(SourceError, match="does not know this user|answered 401") as e:
        list(open_source(wrong)(extract, None))
    assert "wr0ng" not in str(e.value)
