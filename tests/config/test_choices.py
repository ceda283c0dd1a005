from __future__ import annotations

import re

import pytest

import mtstore
from mtstore.config import choices as vocabulary
from mtstore.config import load_config
from mtstore.errors import QueryError
from mtstore.storage.views.view_texts import DEFAULTS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with mtstore.open(tmp_path_factory.mktemp("words") / "store", create=True) as made:
        yield made


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("session", vocabulary.SESSIONS),
        ("anchor", vocabulary.ANCHORS),
        ("adjust", vocabulary.ADJUSTMENTS),
        ("fill_volume", vocabulary.FILL_VOLUMES),
        ("fill_prices", vocabulary.FILL_PRICES),
    ],
)
def test_the_macros_take_the_words_that_configurations_take(store, option, words):
    with pytest.raises(QueryError, match=f"{option}: 'nonsense' is not a choice") as caught:
        store.sql(f"FROM aligned_ffill(NULL, INTERVAL 5 MINUTE, {option} := 'nonsense')").fetchall()
    valid = str(caught.value).partition("(valid: ")[2]
    assert tuple(re.findall(r"'(\w+)'", valid)) == words
    for word in words:
        store.sql(f"FROM aligned_ffill(NULL, INTERVAL 5 MINUTE, {option} := '{word}')").fetchall()


def test_a_store_without_a_configuration_does_what_an_empty_configuration_says():
    published = load_config({}).default_settings()
    assert {key: published[key] for key in DEFAULTS} == dict(DEFAULTS)
