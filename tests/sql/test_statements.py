"""The named statements in `sql/queries/`: commented, unique, used, and strict about their placeholders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mtstore import sqlfiles
from mtstore.sqlfiles import Sql, identifier

TOPICS = sorted(path.stem for path in (sqlfiles.sql_root() / "queries").glob("*.sql"))
STATEMENTS = [f"{topic}.{name}" for topic in TOPICS for name in sqlfiles.statements(topic)]
PYTHON = "\n".join(path.read_text() for path in Path(sqlfiles.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("topic", TOPICS)
def test_topic_says_what_it_is_for_and_names_every_statement(topic: str) -> None:
    text = (sqlfiles.sql_root() / "queries" / f"{topic}.sql").read_text()
    assert re.match(r"-- [A-Z].*\.\n\n-- name: ", text)
    assert re.findall(r"^-- name: (.*)$", text, re.MULTILINE) == list(sqlfiles.statements(topic))


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_has_a_comment_and_a_caller(name: str) -> None:
    topic, _, statement = name.partition(".")
    assert re.match(r"-- [A-Z`$]", sqlfiles.statements(topic)[statement])
    assert f'"{name}"' in PYTHON


def test_python_loads_only_statements_that_exist() -> None:
    loaded = re.findall(r'sqlfiles\.load\(\s*"(\w+\.\w+)"', PYTHON)
    assert len(loaded) > 80
    assert set(loaded) <= set(STATEMENTS)


def test_no_line_of_sql_is_over_120_characters() -> None:
    long_lines = [
        f"{path.name}:{number}"
        for path in sqlfiles.sql_root().rglob("*.sql")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long_lines == []


def test_load_rejects_missing_superfluous_and_unquoted_values() -> None:
    assert sqlfiles.load("snapshot.use_database", alias=identifier("a b")).endswith('USE "a b"')
    with pytest.raises(KeyError, match=r"takes \['alias'\], got \[\]"):
        sqlfiles.load("snapshot.use_database")
    with pytest.raises(KeyError, match=r"got \['alias', 'other'\]"):
        sqlfiles.load("snapshot.use_database", alias=identifier("a"), other=Sql("b"))
    with pytest.raises(TypeError, match="is not quoted"):
        sqlfiles.load("snapshot.use_database", alias="a")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="no_such_statement"):
        sqlfiles.load("snapshot.no_such_statement")
