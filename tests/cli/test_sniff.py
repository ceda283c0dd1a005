from __future__ import annotations

import pytest

from mtstore.cli.exit_codes import Exit


@pytest.fixture
def mine(tmp_path):
    """Two files of one session each, whose times are New York's."""
    folder = tmp_path / "mine"
    folder.mkdir()
    times = [f"2023-11-24 {minute // 60:02}:{minute % 60:02}" for minute in range(9 * 60 + 30, 13 * 60)]
    for ticker, price in (("AAPL", 10), ("MSFT", 20)):
        rows = [f"{time},{price},{price + 2},{price - 1},{price + 1},500" for time in times]
        (folder / f"{ticker}.csv").write_text(
            "Time,Open,High,Low,Close,Vol\n" + "\n".join(rows) + "\n", encoding="utf-8"
        )
    return folder


def test_a_folder_of_own_files_becomes_an_aligned_table_in_two_commands(mtstore_cli, mine, tmp_path):
    store = tmp_path / "my store"
    stored = mtstore_cli("ingest", store, mine, "--guess", "--yes", "-q")
    assert stored.code == Exit.OK
    assert "tz: America/New_York" in stored.err
    (command,) = [line for line in stored.err.splitlines() if line.startswith("next: mtstore load ")]
    assert command.startswith(
        f"next: mtstore load '{store}' --tickers AAPL,MSFT --interval 1min --start 2023-11-24T14:30:00Z"
    )
    words = command.removeprefix("next: mtstore load ").replace(f"'{store}'", "X").split()
    loaded = mtstore_cli("load", store, *words[1:], "--format", "csv", "--fields", "close")
    assert loaded.code == Exit.OK
    lines = loaded.out.splitlines()
    assert lines[1].endswith(",11,21")
    assert len(lines) == 211


def test_saved_output_is_a_mapping(mtstore_cli, mine, tmp_path):
    saved = tmp_path / "mine.yaml"
    shown = mtstore_cli("sniff", mine, "-o", saved)
    assert shown.code == Exit.OK
    assert f"saved: {saved}" in shown.err
    assert "2023-11-24 14:30:00" in shown.out
    assert not (tmp_path / "store").exists()
    assert saved.read_text(encoding="utf-8") == shown.out
    assert mtstore_cli("ingest", tmp_path / "store", mine, "--create", "--map", saved, "-q").code == Exit.OK
    sql = "SELECT min(ts_event) AS first, count(*) AS bars FROM bars"
    assert '"2023-11-24T14:30:00+00:00",420' in mtstore_cli("query", tmp_path / "store", sql, "--format", "csv").out


def test_guess_stores_nothing_without_a_terminal_or_yes(mtstore_cli, mine, tmp_path, monkeypatch):
    refused = mtstore_cli("ingest", tmp_path / "store", mine, "--guess")
    assert refused.code == Exit.USAGE
    assert "accept with --yes" in refused.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    declined = mtstore_cli("ingest", tmp_path / "store", mine, "--guess")
    assert (declined.code, declined.err.splitlines()[-1]) == (Exit.OK, "nothing was stored")
    assert not (tmp_path / "store").exists()


def test_guess_does_not_store_with_keys_that_files_do_not_show(mtstore_cli, mine, tmp_path):
    (mine / "MSFT.csv").unlink()
    (mine / "AAPL.csv").rename(mine / "data.csv")
    refused = mtstore_cli("ingest", tmp_path / "store", mine, "--guess", "--yes")
    assert refused.code == Exit.USAGE
    assert "the files do not show ticker (likely data): give --ticker" in refused.err
    assert not (tmp_path / "store").exists()
    saved = tmp_path / "mine.yaml"
    mtstore_cli("sniff", mine, "-o", saved)
    unset = mtstore_cli("ingest", tmp_path / "store", mine, "--create", "--map", saved)
    assert unset.code == Exit.USAGE
    assert "ticker: it is not chosen yet" in unset.err
    given = mtstore_cli("ingest", tmp_path / "store", mine, "--guess", "--yes", "--ticker", "AAPL", "-q")
    assert given.code == Exit.OK


def test_files_that_need_no_mapping_are_named_and_go_in(mtstore_cli, mine, flat_files, tmp_path):
    shown = mtstore_cli("sniff", mine, flat_files[0])
    assert "1 file in the format polygon-flatfile, which needs no mapping" in shown.out
    stored = mtstore_cli("ingest", tmp_path / "store", mine, flat_files[0], "--guess", "--yes", "-q")
    assert stored.code == Exit.OK
    sql = "SELECT DISTINCT ticker FROM bars ORDER BY ticker"
    assert mtstore_cli("query", tmp_path / "store", sql, "--format", "csv").out.split()[1:] == [
        '"AAA"', '"AAPL"', '"BBB"', '"MSFT"'
    ]  # fmt: skip


def test_each_layout_is_saved_in_a_file_of_its_own(mtstore_cli, mine, tmp_path):
    text = (mine / "MSFT.csv").read_text(encoding="utf-8")
    (mine / "MSFT.csv").write_text(text.replace(",", ";"), encoding="utf-8")
    shown = mtstore_cli("sniff", mine, "-o", tmp_path / "map.yaml")
    assert shown.code == Exit.OK
    for number, delimiter in ((1, ","), (2, ";")):
        saved = (tmp_path / f"map-{number}.yaml").read_text(encoding="utf-8")
        assert f'delimiter: "{delimiter}"' in saved


def test_a_file_by_name_that_has_no_bars_is_an_error(mtstore_cli, mine, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("# Notes\n\nAbout bars.\n", encoding="utf-8")
    alone = mtstore_cli("sniff", notes)
    assert (alone.code, alone.out) == (Exit.REJECTED, "")
    assert "not a table of bars" in alone.err
    beside = mtstore_cli("sniff", mine, notes)
    assert beside.code == Exit.INCOMPLETE
    assert "1 file not read" in beside.out


def test_broken_files_of_a_folder_are_named_and_the_others_go_in(mtstore_cli, mine, tmp_path):
    (mine / "TSLA.csv").write_bytes(b"")
    (mine / "notes.txt").write_text("# Notes\n\nAbout bars.\n", encoding="utf-8")
    stored = mtstore_cli("ingest", tmp_path / "store", mine, "--guess", "--yes", "-q")
    assert stored.code == Exit.INCOMPLETE
    assert f"mtstore: error: {mine / 'TSLA.csv'}: the file is empty" in stored.err
    assert "mtstore: error: " + str(mine / "notes.txt") not in stored.err
    assert "2 files ingested" in stored.err


def test_guess_and_a_mapping_exclude_each_other(mtstore_cli, mine, tmp_path):
    for option in (("--format", "kibot"), ("--map", mine / "AAPL.csv")):
        shown = mtstore_cli("ingest", tmp_path / "store", mine, "--guess", *option)
        assert shown.code == Exit.USAGE
        assert "--guess proposes a mapping" in shown.err
