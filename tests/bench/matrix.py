"""How fast the criteria of 60 sites by 40 parameters become a page.

`python -m tests.bench.matrix` prints the table that stands in the README: the page of
*Harmonisation* over a made-up network of that size, the first time (every two criteria
compared) and again, and what it weighs. With a folder, `python -m tests.bench.matrix
FOLDER` leaves the network there, for `pocnet serve FOLDER` and a look.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import dash
from plotly.utils import PlotlyJSONEncoder

dash.Dash(__name__, use_pages=True, pages_folder="")

from dashboard import card  # noqa: E402
from dashboard.filters import Filters  # noqa: E402
from dashboard.pages import harmonisation  # noqa: E402
from dashboard.viewer import Viewer  # noqa: E402
from tests.dashboard.pages.criteria_network import asker  # noqa: E402
from tests.dashboard.pages.wide_network import wide_network  # noqa: E402

LEAD = Viewer("lead")
BESIDE = Filters().option("published", "1")


def page() -> str:
    """The page as it is sent: what stands above, and each card."""
    cards = card.every()
    parts = [harmonisation._top(LEAD, BESIDE)]
    parts += [
        card.render(of, LEAD, BESIDE)
        for name, of in cards.items()
        if name.startswith("harmonisation-")
    ]
    return json.dumps(parts, cls=PlotlyJSONEncoder)


def main(folder: Path) -> None:
    """Times the page and prints it as Markdown."""
    place = folder / "data" / "snapshots"
    wide_network(place)
    with asker(place)(LEAD):
        taken = []
        for _ in range(4):
            began = time.process_time()
            sent = page()
            taken.append(1000 * (time.process_time() - began))
    lines = [
        "| 60 sites × 40 parameters, published programmes beside | |",
        "|---|--:|",
        f"| first time, every two criteria compared, CPU | {taken[0]:,.0f} ms |",
        f"| again, CPU | {min(taken[1:]):,.0f} ms |",
        f"| sent | {len(sent) / 1e6:.1f} MB, before compression |",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        made = Path(tempfile.mkdtemp())
        try:
            main(made)
        finally:
            shutil.rmtree(made)
