"""Find the files that paths name, detect their formats and open them as inputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mtstore.bars import FILE_FORMATS
from mtstore.errors import IngestError, InputError, UnrecognisedFileError
from mtstore.ingest.files.custom_input import CustomInput, complete_mapping
from mtstore.ingest.files.dbn_input import DbnInput
from mtstore.ingest.files.flat_file_input import FlatFileInput
from mtstore.ingest.files.input_file import Input, sha256_of
from mtstore.ingest.files.report import FileOutcome, Progress, ProgressCallback
from mtstore.sources.detect_format import detect_format, expand_paths
from mtstore.storage.layout import check_source_name, decode_ticker

if TYPE_CHECKING:
    from mtstore.ingest.files.custom_input import Covers
    from mtstore.sources.custom.read_file import ColumnMapping, CustomFormat


@dataclass(frozen=True, slots=True)
class InputOptions:
    """How to read files; None where the file itself decides."""

    format: str | None = None
    source: str | None = None
    schema: str | None = None
    ticker: str | None = None
    tz: str | None = None
    mapping: ColumnMapping | None = None
    covers: Covers | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FILE_FORMATS:
            raise InputError(f"format: was {self.format!r}; use one of {', '.join(FILE_FORMATS)}")
        if self.source is not None:
            check_source_name(self.source)


def open_inputs(
    paths: Iterable[Path], options: InputOptions, progress: ProgressCallback
) -> tuple[list[Input], list[FileOutcome]]:
    """Open every file that `paths` (files, folders, globs) name; return inputs, and the outcomes of other files.

    Files of folders that are not data, by name or (text files) by content, are passed over. A file given by its own
    name is rejected instead.
    """
    given = list(paths)
    side: list[Path] = []
    found = expand_paths(given, side)
    opened: list[Input] = []
    others = [FileOutcome(str(path), "passed over") for path in dict.fromkeys(side)]
    for number, path in enumerate(found, start=1):
        try:
            opened.append(_open(path, options))
        except (IngestError, InputError, OSError) as error:
            is_side = isinstance(error, UnrecognisedFileError) and path.suffix.lower() == ".txt" and path not in given
            others.append(FileOutcome(str(path), "passed over" if is_side else "rejected", error=str(error)))
        progress(Progress("hash", number, len(found)))
    return opened, others


def _open(path: Path, options: InputOptions) -> Input:
    kind = options.format or detect_format(path)
    digest = sha256_of(path)
    if kind in ("polygon-flatfile", "dbn"):
        for name in ("ticker", "tz", "mapping", "covers"):
            if getattr(options, name) is not None:
                raise InputError(
                    f"{name}: applies to custom parquet and CSV files only; {path} has the format {kind}, "
                    "which defines its columns and what it covers (or use format 'parquet' or 'csv')"
                )
        vendor_input = FlatFileInput if kind == "polygon-flatfile" else DbnInput
        return vendor_input.open(path, digest, options.source, options.schema)
    ticker = options.ticker
    if ticker is None and options.mapping is None:
        ticker = _ticker_of_folder(path)
    mapping = complete_mapping(options.mapping, str(path), schema=options.schema, ticker=ticker, tz=options.tz)
    table_format: CustomFormat = "parquet" if kind == "parquet" else "csv"
    return CustomInput.open(path, digest, table_format, mapping=mapping, source=options.source, covers=options.covers)


def _ticker_of_folder(path: Path) -> str | None:
    """Return the ticker of a file in a folder `ticker=AAPL`, the layout of hive and of a store; None elsewhere."""
    key, _, name = path.absolute().parent.name.partition("=")
    return decode_ticker(name) if key == "ticker" and name else None
