"""Load a configuration: a path or mapping in, a checked `Config` out, or one error with all problems."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mtstore.config.yaml_reader import Document, YamlTextError, read_yaml
from mtstore.config.yaml_reader import Path as YamlPath
from mtstore.errors import ConfigError

if TYPE_CHECKING:
    from mtstore.config.models import Config

_DEEPEST: Final = 40


def load_config(config: str | os.PathLike[str] | Mapping[str, Any] | Config) -> Config:
    """Read and check a configuration.

    Parameters
    ----------
    config
        The path of a YAML file, or the same as a mapping: the whole configuration (`multi_ticker`, `ticker_config`,
        `sources`, `calendars`), or only the part below `multi_ticker`. A `Config` is returned unchanged.

    Raises
    ------
    ConfigError
        All problems at once: path in the YAML, line, value, and the nearest valid word. A value that may be a vendor's
        key is not shown.
    """
    if isinstance(config, Mapping):
        document = Document()
        document.tree = _plain_tree(config, (), document.problems)
        return _check(document, "the configuration")
    if isinstance(config, str | os.PathLike):
        return _load_file(Path(config))
    from mtstore.config.models import Config

    if isinstance(config, Config):
        return config
    raise ConfigError(f"a configuration is a path or a mapping, got {config!r}")


def with_changes(
    config: Config,
    *,
    store: str | os.PathLike[str] | None = None,
    on_missing: str | None = None,
    **sections: Mapping[str, Any],
) -> Config:
    """Return a configuration with another store or `on_missing`, or with changed keys in sections of `multi_ticker`.

    Raises
    ------
    ConfigError
        A changed value is not valid.
    """
    tree = config.model_dump(mode="json", by_alias=True, exclude_unset=True)
    multi = tree.setdefault("multi_ticker", {})
    if store is not None:
        multi["store"] = os.fspath(store)
    if on_missing is not None:
        multi["on_missing"] = on_missing
    for name, changes in sections.items():
        multi[name] = {**multi.get(name, {}), **changes}
    return load_config(tree)


def _load_file(path: Path) -> Config:
    if not path.is_file():
        raise ConfigError(f"there is no configuration file {str(path)!r}")
    try:
        document = read_yaml(path.read_bytes())
    except YamlTextError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    return _check(document, str(path))


def _check(document: Document, name: str) -> Config:
    from pydantic import ValidationError

    from mtstore.config.cross_checks import check_layers
    from mtstore.config.error_messages import describe_problems, model_findings
    from mtstore.config.models import Config, MultiTicker

    tree = {} if document.tree is None or document.tree == "" else document.tree
    if not isinstance(tree, dict):
        raise ConfigError(f"{name}: a configuration is a mapping, got {type(tree).__name__}")
    is_inner = not any(key in tree for key in Config.model_fields) and any(
        key in tree for key in MultiTicker.model_fields
    )
    whole = {"multi_ticker": tree} if is_inner else tree
    findings = [(("multi_ticker", *path) if is_inner else path, sentence) for path, sentence in document.problems]
    findings += check_layers(whole)
    checked = None
    try:
        checked = Config.model_validate(whole)
    except ValidationError as error:
        findings += model_findings(error)
    # Raised outside the handler: pydantic's error as its context would carry the values, keys among them.
    problems = describe_problems(findings, document.lines, is_inner=is_inner)
    if problems or checked is None:
        count = f"{len(problems)} problem{'s' * (len(problems) != 1)}"
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise ConfigError(f"{name}: {count}{listed}", problems)
    return checked


def _plain_tree(value: Any, path: YamlPath, problems: list[tuple[YamlPath, str]]) -> Any:
    """Return mappings as dicts with text keys, tuples as lists, paths as text."""
    if len(path) > _DEEPEST:
        raise ConfigError("the configuration is nested too deeply, or contains itself")
    if isinstance(value, Mapping):
        from mtstore.config.fields import KEYS_ARE_TEXT

        problems += [
            ((*path, str(key)), f"the key is not text; {KEYS_ARE_TEXT}") for key in value if type(key) is not str
        ]
        return {str(key): _plain_tree(item, (*path, str(key)), problems) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_tree(item, (*path, at), problems) for at, item in enumerate(value)]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
