"""Writing what the quality layer says of a range, in the formats that all verbs have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mtstore.cli.formats import choose_format, write_result

if TYPE_CHECKING:
    from mtstore.query.series import Series


def write_series(ask: Callable[..., Series], options: Mapping[str, Any], **limits: float | None) -> None:
    """Ask for the range of `range_options`, and write the answer as `output_options` say."""
    output, rows = options["output"], options["rows"]
    kind = choose_format(options["format_"], output)
    zone = {} if options["timezone"] is None else {"tz": options["timezone"]}
    table = ask(
        options["tickers"], options["start"], options["end"], interval=options["interval"], **zone, **limits
    ).to_arrow()
    write_result(table.schema, table.to_batches(), kind, output, table_rows=rows if rows and output is None else None)
