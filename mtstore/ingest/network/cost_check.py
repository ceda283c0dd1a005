"""Check what a run would cost before anything is fetched; vendors quote costs free of charge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtstore.errors import CostLimitError, SourceError
from mtstore.ingest.network.fetcher import Chunk
from mtstore.sources.http.request import RequestStats
from mtstore.sources.vendor import CostBudget

Confirm = bool | Callable[[float], bool]
"""Whether a run may cost more than `max_cost_usd`; a function is called with the dollars."""


@dataclass(slots=True)
class CostCheck:
    """Budgets by source; `unknown` has the sources that did not quote a cost, so nothing may be fetched from them."""

    budgets: dict[str, CostBudget] = field(default_factory=dict)
    unknown: dict[str, SourceError] = field(default_factory=dict)

    @property
    def spent_usd(self) -> float:
        return sum(budget.spent_usd for budget in self.budgets.values())


def check_cost(
    todo: Sequence[Chunk],
    confirm_cost: Confirm,
    *,
    rescued: Path | None,
    cancel: threading.Event,
    stats: RequestStats,
) -> CostCheck:
    """Return the budget of each source: its `max_cost_usd`, or the cost that was confirmed.

    Downloads in the folder `rescued` cost nothing.

    Raises
    ------
    CostLimitError
        A source's chunks cost more than allowed, and the cost was not confirmed.
    """
    checked = CostCheck()
    for name, source in {chunk.source.settings.source: chunk.source for chunk in todo}.items():
        allowed = source.settings.max_cost_usd
        if source.binding.provider == "databento":
            try:
                own = [one.request(cancel, stats) for one in todo if one.source is source]
                estimates = [source.estimate(request, rescued=rescued) for request in own]
            except SourceError as error:
                checked.unknown[name] = error
                continue
            total = sum(estimate.cost_usd or 0.0 for estimate in estimates)
            if total > allowed:
                if not (confirm_cost(total) if callable(confirm_cost) else confirm_cost):
                    raise CostLimitError(
                        f"{name}: this fetch costs ${total:.2f}, more than the ${allowed:.2f} allowed by "
                        f"sources.{name}.max_cost_usd; raise it, or confirm the cost (--yes, confirm_cost=True)"
                    )
                allowed = total
        checked.budgets[name] = CostBudget(allowed)
    return checked
