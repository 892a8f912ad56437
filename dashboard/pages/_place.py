"""By site or by region: the one switch of the Capacity page that every figure obeys."""

from dashboard.components import Column
from dashboard.filters import Filters

BY = {"site": "By site", "region": "By region"}
PER = {"week": "By week", "month": "By month", "quarter": "By quarter"}
HISTORY = {"week": 52, "month": 104, "quarter": 260}
COVERAGE = (
    Column("reported", "Weeks reported", "count"),
    Column("expected", "of", "count"),
    Column("last_week", "Last week", "date"),
    Column("age", "Age, days", "count"),
)
PLACE = Column("site", "Site or region", "site")


def place(filters: Filters) -> str:
    """What a row is: a site, or the region whose sites are added up."""
    asked = filters.extra.get("by", "")
    return asked if asked in BY else "site"


def period(filters: Filters) -> str:
    """What a column is: a week, a month or a quarter."""
    asked = filters.extra.get("per", "")
    return asked if asked in PER else "week"
