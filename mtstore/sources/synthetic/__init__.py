"""A made-up market on real exchange calendars, for demos, tests and benchmarks of any size."""

from __future__ import annotations

from mtstore.sources.synthetic.dbnfiles import DbnOptions
from mtstore.sources.synthetic.faults import Faults, PlantedFault, Split
from mtstore.sources.synthetic.market import SyntheticMarket

__all__ = ["DbnOptions", "Faults", "PlantedFault", "Split", "SyntheticMarket"]
