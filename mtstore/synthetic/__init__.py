"""A made-up market on real exchange calendars, for demos, tests and benchmarks of any size."""

from __future__ import annotations

from mtstore.synthetic.dbn_files import DbnOptions, write_dbn
from mtstore.synthetic.faults import Faults, PlantedFault, Split
from mtstore.synthetic.flat_files import write_flat_files
from mtstore.synthetic.market import SyntheticMarket

__all__ = ["DbnOptions", "Faults", "PlantedFault", "Split", "SyntheticMarket", "write_dbn", "write_flat_files"]
