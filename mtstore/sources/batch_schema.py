"""The columns and size of the Arrow batches that file readers yield."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 131_072


def batch_schema() -> pa.Schema:
    """The columns that file sources stream: those of a data file, the ticker before and the publisher behind them."""
    import pyarrow as pa

    from mtstore.bars import arrow_schema

    columns = [pa.field("ticker", pa.string(), nullable=False), *arrow_schema()]
    return pa.schema([*columns, pa.field("publisher_id", pa.uint16())])
