"""What came signed, looked through before it may stay: another hand may have made it.

The signature says who sent a bundle, not that it is harmless: an agent may be old,
changed or in the wrong hands. So nothing is believed here that the site half has
promised. Rows pass the privacy gate again, numbers must be pseudonyms already, and
everything that a run of the hub would stumble over is refused now, because a run of
the whole network must not fail for one site's bundle.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from etl.bundle import (
    GONE,
    KEYS_SCHEMA,
    PART,
    PRESENT,
    Archive,
    Bundle,
    Manifest,
    translated,
)
from etl.check import ROW, check
from etl.contract.columns import NONE
from etl.contract.reporting import BATCH_LEVEL, STRATUM
from etl.contract.schemas import SCHEMAS, SENT
from etl.guard import guard, shown
from etl.mapping import REJECT_SCHEMA
from etl.network import Network
from etl.pseudonym import PSEUDONYM, pseudonym_columns
from etl.receipt import Receipt, receipt_of
from etl.settings import Style as SiteStyle
from etl.signature import RefusedError
from etl.values import Style

AHEAD: Final = timedelta(minutes=5)
MOST_UNFOLDED: Final = 2 << 30
LONGEST: Final = 4_000
AT_ONCE: Final = 262_144
_SAME: Final = "Use the same version of pocnet at the hub and at the site."
_PLACES: Final = ("_origin", "_ref")
_NUMBERS: Final = (ROW, PART, "_style")
_RECORD: Final = r"^record [a-z0-9]+-[0-9a-f]{16}(, |$)"
_STYLE: Final = TypeAdapter(Style)


def examine(archive: Archive, manifest: Manifest, network: Network) -> Receipt:
    """What the check makes of a bundle that may stay; RefusedError if it may not.

    `archive` holds the bundle and nothing else.
    """
    _assert_agreed(manifest, network)
    _assert_sensible(manifest)
    _assert_dated(manifest)
    told = [text for part in manifest.parts for text in (part.source, part.location)]
    _assert_places(pl.DataFrame({"source": told}), ("source",))
    for name in manifest.objects:
        _assert_readable(archive, name)
    sent = archive.load(manifest)
    try:
        bundle = translated(sent)
        _assert_columns(bundle)
        _assert_counts(bundle)
        for rows in _slices(bundle.rows):
            _assert_rows(rows, manifest)
        for rejects in _slices(bundle.rejects):
            _assert_rejects(rejects, manifest)
        for keys in _slices(bundle.keys):
            _assert_places(keys, ("ref",))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable() from error
    receipt = receipt_of(network.name, check(sent, network))
    if receipt.read != receipt.good + receipt.rejected:
        raise _miscounted("its rows and rejects are not what was read")
    return receipt


def examined(archive: Archive, manifest: Manifest, network: Network) -> Receipt:
    """The same, with a refusal also of what nobody has thought of."""
    try:
        return examine(archive, manifest, network)
    except RefusedError:
        raise
    except Exception as error:
        raise RefusedError(
            "rows",
            f"The bundle could not be checked ({type(error).__name__}). {_SAME}",
        ) from error


def _assert_agreed(manifest: Manifest, network: Network) -> None:
    """A dataset that sites send, in the detail that this site has agreed to.

    Counts beside the batches that they were made of would count them twice.
    """
    dataset = manifest.dataset
    if dataset not in (*SENT, STRATUM):
        raise RefusedError(
            "dataset", "The bundle is of a dataset that no site sends. Update pocnet."
        )
    agent = network.sites[manifest.site].agent
    counts_only = agent is not None and agent.rules.share == "aggregates"
    if dataset in BATCH_LEVEL and counts_only or dataset == STRATUM and not counts_only:
        raise RefusedError(
            "share",
            f"By the hub's settings {manifest.site} sends "
            f"{'counts and no batches' if counts_only else 'batches and no counts'}. "
            "Make share in [agent] the same at the site and at the hub.",
        )


def _assert_sensible(manifest: Manifest) -> None:
    """Counts that add up, and styles that there are."""
    if not manifest.parts:
        raise _miscounted("it has no parts")
    for name in ("records", "read"):
        counts = [getattr(part, name) for part in manifest.parts]
        if min(counts) < 0 or sum(counts) != getattr(manifest, name):
            raise _miscounted(f"its parts do not add up to its {name}")
    known = True
    try:
        for part in manifest.parts:
            for said in part.styles.values():
                style = _STYLE.validate_python(said)
                SiteStyle.model_validate({"time_zone": style.time_zone})
                known &= dict(said).items() <= asdict(style).items()
    except ValidationError:
        known = False
    if not known:
        raise RefusedError(
            "style", "The bundle says of a column that it is written in no known way."
        )


def _assert_dated(manifest: Manifest) -> None:
    """No moment without a time zone, and none that has not come yet.

    Later bundles supersede earlier ones: one of next year could never be corrected.
    """
    moments = [manifest.extracted_at, *(part.compared for part in manifest.parts)]
    for at in filter(None, moments):
        if at.tzinfo is None or at > datetime.now(UTC) + AHEAD:
            raise RefusedError(
                "clock",
                f"The bundle says that it was made on {at:%Y-%m-%d %H:%M}, which has "
                "not come yet or has no time zone. Set the clock of the machine that "
                "sends, then send again.",
            )


def _assert_readable(archive: Archive, name: str) -> None:
    """A Parquet file that does not claim to unfold into more than can be taken in."""
    try:
        with pq.ParquetFile(archive.object_path(name)) as file:
            held = file.metadata
            groups = [held.row_group(i) for i in range(held.num_row_groups)]
            unfolded = sum(group.total_byte_size for group in groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable() from error
    if not 0 <= unfolded <= MOST_UNFOLDED:
        raise too_large()


def _assert_columns(bundle: Bundle) -> None:
    """Text in the contract's columns, and where each row came from; nothing else."""
    texts = {*SCHEMAS[bundle.manifest.dataset].column_names(), *_PLACES}
    rows = bundle.rows.collect_schema()
    for name, dtype in rows.items():
        fits = dtype == pl.String if name in texts else dtype.is_integer()
        if not fits or (name not in texts and name not in _NUMBERS):
            raise _foreign_column(name if name in texts else "one that is not ours")
    if {*_PLACES, ROW, PART} - set(rows):
        raise _foreign_column("rows without their places")
    ours = ((bundle.rejects, REJECT_SCHEMA), (bundle.keys, KEYS_SCHEMA))
    if any(table.collect_schema() != schema for table, schema in ours):
        raise _foreign_column("rejects or keys in another form")


def _assert_counts(bundle: Bundle) -> None:
    """Every row that was read is one row or one reject; every key is of a part."""
    manifest, parts = bundle.manifest, bundle.manifest.parts
    numbers = bundle.rows.select(pl.col(ROW).cast(pl.Int64)).collect()[ROW]
    refused = bundle.rejects.select(pl.col("row").unique()).collect()["row"]
    every = pl.concat([numbers, refused.rename(ROW)])
    counted = len(every) == manifest.read
    if not counted or not every.sort().equals(pl.int_range(len(every), eager=True)):
        raise _miscounted("its rows and rejects are not what was read")
    said = bundle.keys.group_by(PART, "said").len().collect().sort(PART, "said")
    due = [
        (number, word, count)
        for number, part in enumerate(parts)
        for word, count in ((GONE, part.gone), (PRESENT, part.present))
        if count
    ]
    if said.rows() != due:
        raise _miscounted("its keys are not what it says of them")


def _assert_rows(rows: pl.DataFrame, manifest: Manifest) -> None:
    """Rows of the site's own parts and name, with pseudonyms, past the gate."""
    _assert_short(rows)
    for name, most in ((PART, len(manifest.parts)), ("_style", LONGEST)):
        if name in rows.columns and not rows[name].is_between(0, most - 1).all():
            raise _miscounted("its rows belong to parts that it does not have")
    # Whose results a laboratory may send is asked row by row, when they are checked.
    if "site" in rows.columns and manifest.dataset != "result":
        _assert_own(rows["site"], manifest)
    for name in set(pseudonym_columns(manifest.dataset)) & set(rows.columns):
        numbers = rows[name].drop_nulls()
        if not (numbers.str.contains(PSEUDONYM) | (numbers == NONE)).all():
            raise _identifying(f"numbers of the site's own in {name}")
    _assert_places(rows, _PLACES)
    stopped = guard(rows.drop(ROW), manifest.dataset, manifest.site).rejects
    if stopped.height:
        columns = ", ".join(sorted(stopped["column"].unique()))
        raise _identifying(f"what may name a person in {columns}")


def _assert_rejects(rejects: pl.DataFrame, manifest: Manifest) -> None:
    """Rejects of the site's own, every text of which may be shown."""
    _assert_short(rejects)
    _assert_own(rejects["site"], manifest)
    if rejects["dataset"].ne_missing(manifest.dataset).any():
        raise _miscounted("its rejects are of another dataset")
    texts = (name for name, dtype in rejects.schema.items() if dtype == pl.String)
    _assert_places(rejects, tuple(texts))


def _assert_places(frame: pl.DataFrame, names: tuple[str, ...]) -> None:
    for name in names:
        said = frame[name]
        numbered = said.str.starts_with("record ") & ~said.str.contains(_RECORD)
        if name in ("ref", "_ref") and numbered.fill_null(False).any():
            raise _identifying("record numbers of the site's own")
        if not shown(said).eq_missing(said).all():
            raise _identifying(f"what may name a person in {name.strip('_')}")


def _assert_own(said: pl.Series, manifest: Manifest) -> None:
    if said.ne_missing(manifest.site).any():
        raise RefusedError(
            "site", f"{manifest.site} has sent rows in another site's name."
        )


def _assert_short(frame: pl.DataFrame) -> None:
    longest = frame.select(pl.col(pl.String).str.len_bytes().max())
    if any(length > LONGEST for length in longest.row(0) if length):
        raise too_large()


def _slices(table: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The table's rows, so many at a time as a site half holds."""
    height = table.select(pl.len()).collect().item()
    for first in range(0, height, AT_ONCE):
        yield table.slice(first, AT_ONCE).collect()


def too_large() -> RefusedError:
    """Said of what would unfold into more than the hub takes in."""
    return RefusedError(
        "size",
        "The bundle unfolds into more than the hub takes in at a time. Send more "
        "often, or fewer datasets at a time.",
    )


def _unreadable() -> RefusedError:
    return RefusedError(
        "rows", "The bundle's rows are no Parquet file that can be read."
    )


def _foreign_column(what: str) -> RefusedError:
    return RefusedError(
        "columns",
        f"The bundle holds columns that the contract does not have so: {what}. {_SAME}",
    )


def _miscounted(what: str) -> RefusedError:
    return RefusedError("counts", f"The bundle does not add up: {what}.")


def _identifying(what: str) -> RefusedError:
    return RefusedError(
        "gate",
        f"The bundle holds {what}, so nothing of it was kept. {_SAME}",
    )
