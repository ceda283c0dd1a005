from __future__ import annotations

from pathlib import Path

from mtstore.config.json_schema import json_schema, schema_text
from mtstore.config.models import Config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def test_the_shipped_schema_is_up_to_date():
    shipped = (CONFIGS / "mtstore.schema.json").read_text(encoding="utf-8")
    assert shipped == schema_text(), "run: python -m mtstore.config.json_schema configs/mtstore.schema.json"


def test_the_examples_name_the_shipped_schema():
    examples = sorted(CONFIGS.glob("*.yaml"))
    assert examples
    for example in examples:
        assert example.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=mtstore.schema.json\n")


def test_the_schema_refuses_unknown_keys_in_every_section():
    schema = json_schema()
    for section in (schema, *schema["$defs"].values()):
        assert section["additionalProperties"] is False


def test_the_schema_knows_every_section_by_the_keys_people_write():
    assert set(json_schema()["properties"]) == set(Config.model_fields)
    assert "schema" in json_schema()["$defs"]["DatabentoSource"]["properties"]
    assert "break" in json_schema()["$defs"]["CalendarEntry"]["properties"]


def test_the_schema_lets_tickers_be_a_list_or_stand_alone():
    tickers = json_schema()["$defs"]["MultiTicker"]["properties"]["tickers"]["anyOf"]
    assert {"type": "null"} in tickers[0]["additionalProperties"]["anyOf"]
    assert tickers[1]["type"] == "array"
