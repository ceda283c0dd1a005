"""The JSON schema for completion in editors; `python -m mtstore.config.json_schema FILE` writes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def json_schema() -> dict[str, Any]:
    """Return the schema of the whole YAML, as JSON Schema 2020-12."""
    from mtstore.config.models import Config

    schema = Config.model_json_schema(by_alias=True, mode="validation")
    _let_sections_be_empty(schema)
    tickers = schema["$defs"]["MultiTicker"]["properties"]["tickers"]
    listed = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    mapping = {key: tickers.pop(key) for key in ("type", "additionalProperties")}
    tickers["anyOf"] = [mapping, listed]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "mtstore configuration"}


def schema_text() -> str:
    """Return the schema as the text of the file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _let_sections_be_empty(schema: dict[str, Any]) -> None:
    """Allow null for sections: YAML reads an empty section (`AAPL:`) as null, which means the defaults."""
    for section in (schema, *schema["$defs"].values()):
        for field in section["properties"].values():
            items = field.get("additionalProperties")
            if isinstance(items, dict) and "$ref" in items:
                field["additionalProperties"] = {"anyOf": [items, {"type": "null"}]}
            if "$ref" in field:
                field["anyOf"] = [{"$ref": field.pop("$ref")}, {"type": "null"}]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
