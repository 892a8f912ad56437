"""Differences of windows, filters and totals of what is told of a pool."""

import pytest

from tests.attacks import subtracting
from tests.attacks.strict import LEAST, VIEWERS, Strict
from tests.attacks.subtracting import Lattice
from tests.demo import Demo


@pytest.fixture(scope="module")
def strict(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Strict:
    return Strict(demo, tmp_path_factory.mktemp("strict"))


@pytest.fixture(scope="module")
def lattice(demo: Demo) -> Lattice:
    months = demo.rows(
        "select distinct strftime(month, '%Y-%m') as m from rollup_batch order by m"
    )
    lines = demo.rows("select product, pathway from rollup_batch where counted")
    products = lines["product"].value_counts(sort=True)["product"].to_list()
    return Lattice(
        months["m"].to_list()[-24:],
        products[-2:],
        lines["pathway"].unique().sort().to_list(),
        6,
    )


@pytest.mark.parametrize("name", VIEWERS)
def test_no_window_less_another_is_a_small_count(
    strict: Strict, lattice: Lattice, name: str
) -> None:
    ask, truth = strict.told(name), strict.really(name)
    assert subtracting.windows_tell_nothing(ask, truth, lattice, LEAST) > 10


@pytest.mark.parametrize("name", VIEWERS)
def test_no_total_less_its_parts_is_a_small_count(
    strict: Strict, lattice: Lattice, name: str
) -> None:
    ask, truth = strict.told(name), strict.really(name)
    assert subtracting.totals_tell_nothing(ask, truth, lattice, LEAST) > 0
