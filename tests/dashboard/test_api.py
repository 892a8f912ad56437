import csv
import io
import json
import math
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from dashboard.app import COOKIE
from dashboard.metrics import METRICS
from tests.dashboard.recounting import Recount
from tests.dashboard.republishing import republished
from tests.demo import Demo
from tests.serving import free_port, serving_process

VIEWERS = ["lead", "authority:ES51", "site:vesuvina", "public"]
COUNTS = {
    "n",
    "events",
    "count",
    "started",
    "used",
    "waiting",
    "lost",
    "oldest",
    "ended",
}
STATES = {"data", "zero", "not_reported", "suppressed", "not_applicable"}
FORMULA = '=HYPERLINK("http://elsewhere.example","Vesuvina")'
DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")


@contextmanager
def answering(folder: Path) -> Iterator[str]:
    """The address of `pocnet serve`, in a process of its own."""
    port = free_port()
    serve = ["-c", "from dashboard.cli import main; main()", "serve"]
    with serving_process([*serve, str(folder), "--port", str(port)], port) as url:
        yield url


@pytest.fixture(scope="module")
def api(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The made-up network, of which one site's name is a spreadsheet's formula."""
    folder = tmp_path_factory.mktemp("network")
    shutil.copy(demo.folder / "network.toml", folder)
    (folder / "data").mkdir()
    snapshot = folder / "data" / "snapshots" / "1.duckdb"
    republished(demo, snapshot)
    with duckdb.connect(snapshot) as database:
        database.execute("update site set name = ? where site = 'vesuvina'", [FORMULA])
    with answering(folder) as url:
        yield url


@pytest.fixture(scope="module")
def unpublished(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("unpublished")
    shutil.copy(demo.folder / "network.toml", folder)
    with answering(folder) as url:
        yield url


CLIENT = httpx.Client(timeout=60)


def get(url: str, path: str, viewer: str = "lead") -> httpx.Response:
    return CLIENT.get(url + path, headers={"Cookie": f"{COOKIE}={viewer}"})


def listed(api: str, viewer: str) -> list[str]:
    """The figures that there are for a viewer.

    The audit trail grows by every answer, so no two of them are alike.
    """
    cards: list[str] = get(api, "/api/v1/", viewer).json()["cards"]
    return [card for card in cards if not card.endswith("/audit-deeds")]


@pytest.fixture(scope="module")
def cards(api: str) -> list[str]:
    return listed(api, "lead")


# The others walk everywhere in tests/attacks.
@pytest.fixture(scope="module", params=["lead", "site:vesuvina"])
def shown(
    request: pytest.FixtureRequest, api: str
) -> tuple[str, dict[str, tuple[str, httpx.Response]]]:
    """Each figure as one viewer is shown it: its JSON, and the answer with its CSV."""
    viewer: str = request.param
    cards = listed(api, viewer)

    def both(card: str) -> tuple[str, httpx.Response]:
        answer, text = get(api, card, viewer), get(api, f"{card}.csv", viewer)
        assert answer.status_code == text.status_code == 200, card
        return answer.text, text

    with ThreadPoolExecutor(2) as two:
        return viewer, dict(zip(cards, two.map(both, cards), strict=True))


def test_the_service_says_that_it_answers_and_from_which_snapshot(api: str) -> None:
    assert get(api, "/healthz").json() == {"status": "ok"}
    ready = get(api, "/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert ready.json()["snapshot"] == "1"
    assert ready.json()["age_seconds"] >= 0


def test_without_a_snapshot_nothing_is_ready_and_it_says_what_to_do(
    unpublished: str,
) -> None:
    assert get(unpublished, "/healthz").status_code == 200
    for path in ("/readyz", "/api/v1/cards/attention", "/api/v1/cards/attention.csv"):
        answer = get(unpublished, path)
        assert answer.status_code == 503, path
        assert "pocnet pull" in answer.json()["detail"]


def test_the_root_names_the_network_its_day_and_every_figure(
    api: str, cards: list[str]
) -> None:
    root = get(api, "/api/v1/").json()
    assert root["network"] == "Made-up network"
    assert root["as_of"] == "2026-11-16"
    assert root["viewer"] == "lead"
    assert len(cards) > 30
    assert {"/api/v1/cards/attention", "/api/v1/cards/failure-causes"} <= set(cards)


def test_a_figure_for_others_and_one_that_does_not_exist_are_answered_alike(
    api: str,
) -> None:
    said = {
        (viewer, card): get(api, f"/api/v1/cards/{card}", viewer)
        for viewer, card in (
            ("lead", "failures-blinded"),
            ("public", "failures-blinded"),
            ("public", "sharing-meter"),
            ("site:rhodanie", "sharing-standing"),
            ("site:rhodanie", "no-such-card"),
        )
    }
    for (_, card), answer in said.items():
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"There is no figure “{card}” to show."
    assert get(api, "/api/v1/cards/failures-blinded", "site:rhodanie").is_success


def test_metrics_are_answered_as_they_are_declared(api: str) -> None:
    told = get(api, root := "/api/v1/metrics").json()
    assert root
    assert [metric["id"] for metric in told] == list(METRICS)
    for metric in told:
        assert metric["reviewed"] == METRICS[metric["id"]].reviewed.isoformat()


Shown = tuple[str, dict[str, tuple[str, httpx.Response]]]


def test_every_figure_is_answered_as_json_and_as_csv_with_the_same_rows(
    shown: Shown,
) -> None:
    for card, (answer, text) in shown[1].items():
        said = json.loads(answer, parse_constant=pytest.fail)
        assert said["title"]
        assert said["sentence"].strip()
        assert text.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in text.headers["content-disposition"]
        lines = list(csv.DictReader(io.StringIO(text.text)))
        assert len(lines) == len(said["rows"]), card
        for row, line in zip(said["rows"], lines, strict=True):
            _agrees(card, row, line)


def _agrees(card: str, row: dict[str, Any], line: dict[str, str]) -> None:
    assert set(row) == set(line), card
    for name, value in row.items():
        assert (value in (None, "")) == (line[name] == ""), (card, name)
        if isinstance(value, float):
            assert math.isfinite(value)
            assert float(line[name]) == pytest.approx(value, rel=1e-12)
        if isinstance(value, str) and DAY.fullmatch(value):
            assert line[name][:10] == value[:10], (card, name)


def test_every_row_says_its_state_and_a_hidden_count_is_null_and_never_zero(
    shown: Shown,
) -> None:
    viewer, figures = shown
    hidden = []
    for card, (answer, _) in figures.items():
        for row in json.loads(answer)["rows"]:
            assert row.get("state", "data") in STATES, card
            if row.get("state") == "suppressed":
                hidden.append(card)
                assert row["reason"], card
                for count in COUNTS & set(row):
                    assert row[count] is None, (card, count)
    assert bool(hidden) == (viewer != "lead")


def test_a_filter_that_cannot_be_right_is_refused_with_a_sentence(api: str) -> None:
    for query, said in {
        "from=march": "is no month. Write it like 2025-03.",
        "from=2025-06&to=2025-01": "ends (2025-01) before it starts",
        "product=car-t-cd91": "(perhaps “car-t-cd19”)",
        "definition=worst": "is no definition of failure",
        "site=nowhere": "There is no site “nowhere” to show",
    }.items():
        answer = get(api, f"/api/v1/cards/attention?{query}")
        assert answer.status_code == 422, query
        assert said in answer.json()["detail"]


def test_filters_choose_the_same_rows_as_on_the_page(api: str) -> None:
    card = "/api/v1/cards/failure-funnel"
    whole = get(api, card).json()["rows"]
    one = get(api, f"{card}?site=manzanera").json()["rows"]
    assert [row["site"] for row in one] == ["manzanera"]
    assert one[0] == next(row for row in whole if row["site"] == "manzanera")
    other = get(api, f"{card}?site=manzanera&definition=out_of_spec").json()["rows"]
    assert other[0]["events"] != one[0]["events"]


def test_what_is_forbidden_and_what_is_not_there_are_answered_alike(api: str) -> None:
    asked = "/api/v1/cards/freshness?site="
    answers = [get(api, asked + slug, "public") for slug in ("manzanera", "mansanero")]
    assert {answer.status_code for answer in answers} == {422}
    first, second = (answer.json()["detail"] for answer in answers)
    assert first.replace("manzanera", "…") == second.replace("mansanero", "…")
    for path in ("/api/v1/cards/nothing", "/api/v1/cards/nothing.csv"):
        texts = {get(api, path, viewer).text for viewer in VIEWERS}
        assert len(texts) == 1
        assert get(api, path).status_code == 404


def test_an_unknown_viewer_is_shown_what_the_public_is(api: str) -> None:
    for cookie in ("king", "site:nowhere", "authority:", "lead:all"):
        assert get(api, "/api/v1/", cookie).json()["viewer"] == "public"
    assert CLIENT.get(f"{api}/api/v1/").json()["viewer"] == "lead"


def test_a_text_that_a_spreadsheet_would_run_leaves_as_text(api: str) -> None:
    rows = get(api, "/api/v1/cards/freshness").json()["rows"]
    assert FORMULA in {row["name"] for row in rows}
    lines = csv.DictReader(io.StringIO(get(api, "/api/v1/cards/freshness.csv").text))
    names = {line["site"]: line["name"] for line in lines}
    assert names["vesuvina"] == f"'{FORMULA}"


def test_the_description_lists_every_route_with_its_filters(api: str) -> None:
    described = get(api, "/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    routes = {"/readyz", "/healthz", "/api/v1/", "/api/v1/metrics",
              "/api/v1/cards/{name}", "/api/v1/cards/{name}.csv"}  # fmt: skip
    assert routes <= set(described["paths"])
    for path in routes:
        operation = described["paths"][path]["get"]
        assert operation["description"]
        assert "200" in operation["responses"]
    asked = {p["name"] for p in described["paths"]["/api/v1/cards/{name}"]["get"][
        "parameters"]}  # fmt: skip
    assert asked >= {"name", "from", "to", "product", "product_class", "pathway",
                     "region", "site", "definition"}  # fmt: skip
    assert re.search(r"\$ref", json.dumps(described))
    for reference in re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(described)):
        place = described
        for step in reference.split("/"):
            place = place[step]
        assert place


@pytest.mark.parametrize("path", ["/", "/failures", "/api/v1/", "/api/v1/metrics",
                                  "/api/v1/cards/nothing", "/readyz"])  # fmt: skip
def test_every_answer_lets_nothing_in_and_is_not_kept(api: str, path: str) -> None:
    headers = get(api, path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_timeliness_is_a_recount_of_the_reports(api: str, recount: Recount) -> None:
    asked = "/api/v1/cards/quality-completeness?from=2025-06"
    rows = get(api, asked).json()["rows"]
    reports: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for report in recount.table("report"):
        if report["period"] >= "2025-06":
            reports[report["site"], report["dataset"]].append(report)
    assert {(row["site"], row["dataset"]) for row in rows} == set(reports)
    for row in rows:
        known = [r for r in reports[row["site"], row["dataset"]] if r["received_at"]]
        assert row["arrivals"] == len(known)
        assert row["on_time"] == sum(r["received_at"].date() <= r["due"] for r in known)
