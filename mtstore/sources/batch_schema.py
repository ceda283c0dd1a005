"""The columns and size of the Arrow batches that file readers yield."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 131_072


def batch_schema() -> pa.Schema:
    """Return the columns of a batch: ticker, those of a data file, publisher_id."""
    import pyarrow as pa

    from mtstore.bars import arrow_schema

    columns = [pa.field("ticker", pa.string(), nullable=False), *arrow_schema()]
    schema = pa.schema([*columns, pa.field("publisher_id", pa.uint16())])
    # As numbers of any kind: a count that is not whole is rejected by the rules for bars, like every wrong value.
    return schema.set(schema.get_field_index("transactions"), pa.field("transactions", pa.float64()))
