from __future__ import annotations

import pytest

from mtstore.cli.exit_codes import Exit


def test_without_an_object_it_lists_what_people_use_with_a_purpose(mtstore_cli):
    lines = mtstore_cli("sql").out.splitlines()
    names = {line.split()[0]: line.split()[1] for line in lines}
    assert names["bars"] == "view"
    assert names["aligned_outer"] == "macro"
    assert not any(name.startswith("core.") for name in names)
    assert all(len(line.split()) > 4 for line in lines)
    assert "core.resampled" in mtstore_cli("sql", "--all").out


@pytest.mark.parametrize("name", ["resampled", "bars", "core.resampled", "filled_rows"])
def test_a_definition_is_printed_whole_with_nothing_left_to_fill_in(mtstore_cli, name):
    shown = mtstore_cli("sql", name)
    assert (shown.code, shown.err) == (Exit.OK, "")
    assert shown.out.startswith("-- ")
    assert "CREATE OR REPLACE" in shown.out
    assert "{{" not in shown.out


def test_every_object_that_is_listed_can_be_printed(mtstore_cli):
    for line in mtstore_cli("sql", "--all").out.splitlines():
        assert mtstore_cli("sql", line.split()[0]).code == Exit.OK


def test_with_a_store_its_own_files_are_in_the_definition(mtstore_cli, market):
    assert str(market) in mtstore_cli("sql", "core.bars_ohlcv_1m", "--store", market).out
    assert ".parquet" not in mtstore_cli("sql", "core.bars_ohlcv_1m").out


def test_an_unknown_object_names_the_nearest(mtstore_cli):
    shown = mtstore_cli("sql", "aligned_oute")
    assert shown.code == Exit.USAGE
    assert "did you mean 'aligned_outer'?" in shown.err


@pytest.mark.parametrize("flag", ["--reference", "--all"])
def test_what_is_about_all_objects_takes_none(mtstore_cli, flag):
    shown = mtstore_cli("sql", "gaps", flag)
    assert shown.code == Exit.USAGE
    assert f"{flag} describes all objects; omit 'gaps' or the option" in shown.err
