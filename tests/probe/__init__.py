"""What visitors notice: constant reads and writes through the front door, while something happens behind it.

make probe ARGS='--seconds 60'                     the lab of `make up`
PYTHONPATH=tests python -m probe --help            any other cluster

with Probe(target) as probe:                       in a test
    ...
record("a replica dies", [probe.report], Bound(failed=0))
"""

from probe.report import Bound, Report, record
from probe.run import Probe, Settings, Target

__all__ = ["Bound", "Probe", "Report", "Settings", "Target", "record"]
