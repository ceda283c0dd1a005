"""Notes about custom files that their mapping may read as something else than they are."""

from __future__ import annotations

from collections.abc import Sequence

from mtstore.arguments import first_few
from mtstore.ingest.files.inputs.custom_input import CustomInput
from mtstore.sources.custom.mapping.zones import zone_warning


def mapping_notes(custom: Sequence[CustomInput]) -> list[str]:
    """Return a note for each zone name that is a fixed offset, and one for files with doubtful numbers."""
    notes = sorted({note for one in custom if (note := zone_warning(one.mapping.zone_name))})
    doubtful = [str(one.path) for one in custom if one.file is not None and one.file.has_doubtful_points()]
    if doubtful:
        notes.append(
            f"{first_few(doubtful)}: every number has exactly three digits after the point; if the point separates "
            'thousands, set decimal: "," and thousands: "."'
        )
    return notes
