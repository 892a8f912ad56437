"""Orders and their attempts: one order is one patient, however many batches it takes.

An order belongs to the month, product and pathway of its first batch. Batches that
count in no rate, and those without an order, take no part.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from dashboard.filters import Filters
from dashboard.queries.batches import _sum
from dashboard.queries.days import histogram
from dashboard.viewer import Viewer

_MADE: Final = """
select
    r.site, r.order_key, r.product, r.pathway, r.started, r.infused, r.no_product,
    coalesce(r.attempt, row_number() over attempts) as attempt,
    row_number() over attempts as place
from fact_batch as r
where r.counted and r.order_key is not null and r.started is not null
window attempts as (
    partition by r.site, r.order_key
    order by coalesce(r.attempt, 1), r.started, r.batch
)
"""
_ATTEMPT: Final = f"""(
select
    m.site, m.attempt, f.product, f.pathway,
    cast(date_trunc('month', f.started) as date) as month,
    case when m.no_product is null then 1 else 0 end as in_process,
    case when m.no_product is null then 0 else 1 end as ended,
    case when m.no_product then 0 when m.no_product is null then 0 else 1 end
        as product_made
from ({_MADE}) as m
inner join ({_MADE}) as f
    on m.site = f.site and m.order_key = f.order_key and f.place = 1
)"""
_LIVED: Final = f"""
select
    m.site, m.order_key,
    any_value(m.product) filter (where m.place = 1) as product,
    any_value(m.pathway) filter (where m.place = 1) as pathway,
    cast(date_trunc('month', any_value(m.started) filter (where m.place = 1)) as date)
        as month,
    max(m.attempt) as attempts,
    any_value(m.no_product) filter (where m.place = 1) as first_failed,
    coalesce(bool_or(not m.no_product), false) as made,
    bool_or(m.no_product is null) as running,
    min(m.infused) as infused
from ({_MADE}) as m
group by all
"""
_FATE: Final = f"""
select
    o.*, d.ordered, d.closed,
    coalesce(d.close_reason = 'treated', false) and o.infused is null as untold,
    case when o.made then 'made' when d.closed is null then 'open' else 'none' end
        as fate
from ({_LIVED}) as o
left join demand as d on o.site = d.site and o.order_key = d.order_key
"""
_ORDER: Final = f"""(
select
    site, product, pathway, month, attempts,
    1 as orders,
    case when fate = 'made' then 1 else 0 end as with_product,
    case when fate = 'none' then 1 else 0 end as without_product,
    case when fate = 'open' then 1 else 0 end as still_open,
    case when first_failed is null then 0 else 1 end as first_ended,
    case when first_failed then 1 else 0 end as first_failed,
    case when first_failed and attempts > 1 then 1 else 0 end as made_again,
    case when first_failed and fate = 'made' then 1 else 0 end as saved
from ({_FATE})
)"""
_DAYS: Final = f"""(
select
    site, product, pathway, month,
    case when first_failed then 'failed' else 'gave' end as first_attempt,
    cast(date_diff('day', ordered, coalesce(infused, closed, as_of)) as integer) as day,
    case when infused is not null then 1 else 0 end as ended,
    case when infused is null and closed is not null then 1 else 0 end as competing,
    case when infused is null and closed is null then 1 else 0 end as censored
from ({_FATE})
cross join (select cast(value as date) as as_of from meta where key = 'as_of')
where first_failed is not null and ordered is not null and not untold
    and coalesce(infused, closed, as_of) >= ordered
)"""
COUNTS: Final = ("orders", "with_product", "without_product", "still_open")
FIRSTS: Final = ("first_ended", "first_failed", "made_again", "saved")


def orders(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("attempts",)
) -> pl.DataFrame:
    """Orders by what came of them: with a product, closed without one, still open.

    `attempts` is the number of the last batch begun for the order.
    """
    return _sum(viewer, filters, _ORDER, COUNTS, (*by,))


def first_attempts(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("site",)
) -> pl.DataFrame:
    """Orders whose first batch has ended, those in which it failed, and what followed.

    `made_again` began a second batch, `saved` have a product after all.
    """
    return _sum(viewer, filters, _ORDER, FIRSTS, (*by,))


def attempts(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("attempt",)
) -> pl.DataFrame:
    """Batches of orders by their attempt: ended, those with a product, in process."""
    columns = ("ended", "product_made", "in_process")
    return _sum(viewer, filters, _ATTEMPT, columns, (*by,))


def order_days(
    viewer: Viewer, filters: Filters, by: Sequence[str] = ("first_attempt",)
) -> pl.DataFrame:
    """Days from order to infusion, as histograms, by whether the first batch failed.

    `first_attempt` is failed or gave (a product). `ended` are the infused, whichever
    batch it was; an order that closed otherwise competes; one still open is censored.
    """
    return histogram(viewer, filters, _DAYS, ("ended", "competing", "censored"), (*by,))
