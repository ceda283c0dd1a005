"""Few combinations of options in which every pair of choices occurs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any


def all_pairs(options: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return combinations, one choice per option, that cover every pair of choices; the same ones each time."""
    names = sorted(options, key=lambda name: -len(options[name]))
    left = {
        frozenset([(one, first), (other, second)])
        for one, other in combinations(names, 2)
        for first in range(len(options[one]))
        for second in range(len(options[other]))
    }
    made = []
    while left:
        # Begin with a pair that has not met yet, and let each option take the choice that meets the most.
        row = dict(min(left, key=sorted))
        for name in names:
            if name not in row:
                row[name] = max(range(len(options[name])), key=lambda choice: len(_met(row, name, choice) & left))
        left -= {frozenset(pair) for pair in combinations(row.items(), 2)}
        made.append({name: options[name][row[name]] for name in options})
    return made


def _met(row: Mapping[str, int], name: str, choice: int) -> set[frozenset[tuple[str, int]]]:
    return {frozenset([(name, choice), pair]) for pair in row.items()}


def spelled(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return the combinations as names of tests."""
    return ("-".join(str(value) for value in row.values()) for row in rows)
