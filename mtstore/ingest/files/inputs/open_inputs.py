"""Find the files that paths name, detect their formats and open them as inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtstore.arguments import did_you_mean
from mtstore.bars import FILE_FORMATS
from mtstore.errors import IngestError, InputError, UnrecognisedFileError
from mtstore.ingest.files.inputs.custom_input import CustomInput, check_covers, complete_mapping
from mtstore.ingest.files.inputs.dbn_input import DbnInput
from mtstore.ingest.files.inputs.flat_file_input import FlatFileInput
from mtstore.ingest.files.inputs.input_file import Input, sha256_of
from mtstore.ingest.files.report import FileOutcome, Progress, ProgressCallback
from mtstore.ranges import TimeRange, iso_instant
from mtstore.sources.custom.load_presets import load_preset, preset_names
from mtstore.sources.custom.mapping.parse_mapping import parse_mapping
from mtstore.sources.custom.open_text import is_text
from mtstore.sources.detect_format import detect_format, expand_paths
from mtstore.storage.layout import check_source_name, decode_ticker

if TYPE_CHECKING:
    from mtstore.ingest.files.inputs.custom_input import Covers
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
        valid = (*FILE_FORMATS, *preset_names())
        if self.format is not None and self.format not in valid:
            raise InputError(
                f"format: was {self.format!r}{did_you_mean(self.format, valid)}; use one of {', '.join(valid)}"
            )
        if self.source is not None:
            check_source_name(self.source)

    def to_json(self) -> dict[str, Any]:
        """Return the options that are given as plain values."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) is not None}
        if self.mapping is not None:
            given["mapping"] = self.mapping.to_tree()
        if isinstance(self.covers, TimeRange):
            given["covers"] = [iso_instant(bound) for bound in (self.covers.start_us, self.covers.end_us)]
        elif self.covers is not None and self.covers != "auto":
            bounds: tuple[Any, ...] = self.covers
            given["covers"] = [one.isoformat() if hasattr(one, "isoformat") else str(one) for one in bounds]
        return given

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> InputOptions:
        """Return the options of `to_json`."""
        mapping = parse_mapping(given["mapping"]) if "mapping" in given else None
        return cls(**{**given, "mapping": mapping, "covers": check_covers(given.get("covers"))})


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
            opened.append(open_input(path, options))
        except (IngestError, InputError, OSError) as error:
            is_side = isinstance(error, UnrecognisedFileError) and path.suffix.lower() == ".txt" and path not in given
            others.append(FileOutcome(str(path), "passed over" if is_side else "rejected", error=str(error)))
        progress(Progress("hash", number, len(found)))
    return opened, others


def open_input(path: Path, options: InputOptions) -> Input:
    """Open one file; errors: IngestError, InputError."""
    kind = _format_of(path, options)
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
    table_format: CustomFormat = "parquet" if kind == "parquet" else "csv"
    mapping = _mapping_of(path, options)
    return CustomInput.open(path, digest, table_format, mapping=mapping, source=options.source, covers=options.covers)


def _format_of(path: Path, options: InputOptions) -> str:
    """Return the format: the given one, or what the content says; beside a mapping, files are tables."""
    if options.format in preset_names():
        return "csv"
    if options.format is not None or options.mapping is None:
        return options.format or detect_format(path)
    if is_text(path):
        return "csv"
    return detect_format(path)


def _mapping_of(path: Path, options: InputOptions) -> ColumnMapping:
    given = {"schema": options.schema, "ticker": options.ticker, "tz": options.tz}
    if options.format in preset_names():
        if options.mapping is not None:
            raise InputError(f"mapping: format {options.format!r} has one; give only one of the two")
        return load_preset(options.format).mapping_of(path, **given)
    if options.ticker is None and options.mapping is None:
        given["ticker"] = _ticker_of_folder(path)
    return complete_mapping(options.mapping, str(path), **given)


def _ticker_of_folder(path: Path) -> str | None:
    """Return the ticker of a file in a folder `ticker=AAPL`, the layout of hive and of a store; None elsewhere."""
    key, _, name = path.absolute().parent.name.partition("=")
    return decode_ticker(name) if key == "ticker" and name else None
