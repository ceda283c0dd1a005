"""`mtstore config`: check, show and publish a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from mtstore.cli.console import count, echo, echo_warning, write_stdout
from mtstore.cli.groups import Group
from mtstore.cli.options import FILE, store_argument

_FILE = click.argument("file", type=FILE)


@click.group(cls=Group, short_help="Check, show or publish a configuration.")
def command() -> None:
    """Check, show or publish a configuration file.

    What holds for a ticker comes from the last of these that states it: the global sections (alignment, validation),
    ticker_config.defaults, multi_ticker.tickers.X, ticker_config.overrides.X.
    """


@command.command("check")
@_FILE
def check(file: Path) -> None:
    """Check FILE and list everything that is wrong with it: path, line, value, nearest valid word."""
    from mtstore.calendars import calendar_tables
    from mtstore.config import load_config
    from mtstore.config.resolved_yaml import unset_keys

    config = load_config(file)
    calendar_tables(config.used_calendars(), own=config.custom_calendars())
    for warning in config.warnings():
        echo_warning(warning)
    for variable in unset_keys(config):
        echo_warning(f"the environment variable {variable}, which should hold a key, is not set")
    echo(f"{file} is right: {count(len(config.universe), 'ticker')}, {count(len(config.sources), 'source')}")


@command.command("show")
@_FILE
def show(file: Path) -> None:
    """Print FILE as YAML with every default and every ticker resolved.

    Keys are shown as the names of their environment variables, never as themselves.
    """
    from mtstore.config import load_config
    from mtstore.config.resolved_yaml import resolved_yaml

    write_stdout(resolved_yaml(load_config(file)))


@command.command("reference")
def print_reference() -> None:
    """Print every key with its valid values, default and meaning, as Markdown."""
    from mtstore.config.reference import reference

    write_stdout(reference())


@command.command("schema")
@click.option("--mapping", "is_mapping", is_flag=True, help="The schema of mappings (`ingest --map`) instead.")
def print_schema(is_mapping: bool) -> None:
    """Print the JSON schema of configuration files, for completion and checks in editors."""
    import json

    from mtstore.config.json_schema import schema_text
    from mtstore.sources.custom.mapping.parse_mapping import mapping_json_schema

    mapping_text = json.dumps(mapping_json_schema(), indent=2, ensure_ascii=False) + "\n"
    write_stdout(mapping_text if is_mapping else schema_text())


@command.command("apply")
@store_argument
@_FILE
def apply(store: Path, file: Path) -> None:
    """Publish the universe, calendars, sessions and thresholds of FILE as the defaults of STORE's views and macros.

    The view `aligned` then shows the universe, and SQL that names no tickers means it. What an earlier configuration
    published is replaced.
    """
    import mtstore
    from mtstore.config import load_config
    from mtstore.storage.settings.apply_config import apply_config

    config = load_config(file)
    with mtstore.open(store) as found:
        snapshot = apply_config(found.repository, config)
    echo(f"published {count(len(config.universe), 'ticker')} to {store}: snapshot {snapshot}")
