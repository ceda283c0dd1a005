from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtstore.config.yaml_reader import Plain, YamlTextError, read_yaml, resolve_plain, to_json


def tree(text: str):
    return read_yaml(text.encode()).tree


def test_keys_and_values_stay_the_text_that_was_written():
    written = "start: 16:00\nON: NO\n001: TRUE\n1E5: 2023-01-31\n~: null\nnull: 0x1F\n"
    assert tree(written) == {
        "start": "16:00",
        "ON": "NO",
        "001": "TRUE",
        "1E5": "2023-01-31",
        "~": "null",
        "null": "0x1F",
    }


def test_quotes_are_remembered():
    values = tree("plain: 5\nsingle: '5'\ndouble: \"5\"\nblock: |\n  5\n")
    assert [isinstance(value, Plain) for value in values.values()] == [True, False, False, False]


@pytest.mark.parametrize(
    ("text", "wanted", "value"),
    [
        ("", {"null"}, None),
        ("~", {"null"}, None),
        ("Null", {"null"}, None),
        ("null", set(), "null"),
        ("yes", {"boolean"}, True),
        ("OFF", {"boolean"}, False),
        ("on", set(), "on"),
        ("12", {"number"}, 12),
        ("-3", {"number"}, -3),
        ("+0.5", {"number"}, 0.5),
        (".5", {"number"}, 0.5),
        ("3.0e12", {"number"}, 3.0e12),
        ("012", {"number"}, "012"),
        ("16:00", {"number"}, "16:00"),
        ("1_000", {"number"}, "1_000"),
        ("0x10", {"number"}, "0x10"),
        (".inf", {"number"}, ".inf"),
        (".", {"number"}, "."),
        ("e5", {"number"}, "e5"),
        ("12", {"boolean"}, "12"),
    ],
)
def test_a_plain_scalar_becomes_what_is_wanted_and_fits(text, wanted, value):
    kinds = {kind: kind in wanted for kind in ("null", "boolean", "number")}
    found = resolve_plain(Plain(text), **kinds)
    assert found == value
    assert type(found) is type(value)


def test_free_values_become_json_without_guessing():
    text = "{cap: 3.0e12, rank: 1, cusip: 037833100, at: 16:00, switch: ON, ok: true, none: null, q: '5', l: [1, x]}"
    assert to_json(tree(text)) == {
        "cap": 3.0e12,
        "rank": 1,
        "cusip": "037833100",
        "at": "16:00",
        "switch": "ON",
        "ok": True,
        "none": None,
        "q": "5",
        "l": [1, "x"],
    }


def test_a_key_that_stands_twice_is_a_problem_with_both_lines():
    document = read_yaml(b"a:\n  AAPL: 1\n  MSFT: 2\n  AAPL: 3\n")
    assert document.problems == [(("a", "AAPL"), "the key is repeated, on lines 2 and 4")]


def test_every_key_and_item_knows_its_line():
    lines = read_yaml(b"# comment\na:\n  b: 1\n\n  c: [x,\n    y]\n").lines
    assert {path: lines[path] for path in [("a",), ("a", "b"), ("a", "c"), ("a", "c", 1)]} == {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c"): 5,
        ("a", "c", 1): 6,
    }


def test_merge_keys_fill_in_what_the_mapping_does_not_say():
    text = "base: &b {x: 1, y: 2}\nmore: &m {y: 9, z: 3}\none: {<<: *b, y: 5}\ntwo: {<<: [*b, *m]}\n"
    assert tree(text)["one"] == {"x": "1", "y": "5"}
    assert tree(text)["two"] == {"x": "1", "y": "2", "z": "3"}


def test_a_quoted_merge_key_is_a_key():
    assert tree("{'<<': 1}") == {"<<": "1"}


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        ("a: !!python/object:os.system {}", ("a",), "tags such as 'python/object:os.system' are not used here"),
        ("a: !env KEY", ("a",), "tags such as '!env' are not used here"),
        ("? [a, b]\n: c", (), "line 1: a key must be text"),
        ("a: {<<: 5}", ("a",), "line 1: '<<' takes a mapping"),
    ],
)
def test_what_has_no_meaning_here_is_a_problem(text, path, sentence):
    assert read_yaml(text.encode()).problems == [(path, sentence)]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [1,", "line 1"),
        (b"a: 1\nb: c: d\n", "line 2: mapping values are not allowed here"),
        (b"a: 1\n---\nb: 2\n", "line 2: .*another document"),
        (b"a: \x00", "special characters are not allowed"),
        (b"\xff\xfe\x00", "truncated data"),
        (b"a: \xe9", "position 3"),
        (b"a: &x [*x]", "line 1: nesting or repetition is excessive"),
        (b"a: *nowhere", "line 1: found undefined alias"),
        (b"[" * 3_000, "nested too deeply"),
        (b"{a: " * 60 + b"1" + b"}" * 60, "nesting or repetition is excessive"),
    ],
)
def test_a_text_that_is_no_yaml_is_refused_with_its_place(content, sentence):
    with pytest.raises(YamlTextError, match=sentence):
        read_yaml(content)


def test_aliases_that_multiply_end_in_an_error_and_not_in_the_memory():
    levels = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    levels += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlTextError, match="is excessive"):
        read_yaml("\n".join(levels).encode())


def test_a_syntax_error_never_quotes_the_text():
    with pytest.raises(YamlTextError) as caught:
        read_yaml(b"sources: {polygon: {api_key: SECRET-123, x: 'unclosed}}\n  : SECRET-123: [")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__context__ is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    try:
        read_yaml(content)
    except YamlTextError:
        return


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_any_quoted_text_comes_back_as_written(mapping):
    import yaml

    text = yaml.safe_dump(mapping, default_style='"', allow_unicode=True)
    document = read_yaml(text.encode("utf-8"))
    assert (document.tree or {}) == mapping
    assert document.problems == []
