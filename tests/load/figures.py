"""What many latencies come to, and many rounds."""

import math
import statistics
from collections import Counter
from dataclasses import dataclass, field


def percentile(sorted_values, percent):
    """The smallest value that so many percent of all are not above; of none, None."""
    if not sorted_values:
        return None
    return sorted_values[max(0, math.ceil(len(sorted_values) * percent / 100) - 1)]


def spread(values):
    """Median, least and most of what several rounds came to; of none, None each."""
    values = [value for value in values if value is not None]
    if not values:
        return {"median": None, "min": None, "max": None}
    return {"median": rounded(statistics.median(values)), "min": rounded(min(values)), "max": rounded(max(values))}


def rounded(value, digits=4):
    """To so many significant digits: more would only pretend."""
    if not isinstance(value, float) or not math.isfinite(value) or value == 0:
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


@dataclass
class Sample:
    """What became of the requests of one round. Latencies are in seconds, by the kind of request."""

    seconds: float = 0.0
    latencies: dict = field(default_factory=dict)
    errors: Counter = field(default_factory=Counter)
    received: int = 0

    def add(self, kind, seconds):
        """A request that was answered as it should be."""
        self.latencies.setdefault(kind, []).append(seconds)

    @property
    def answered(self):
        """Requests that were answered as they should be."""
        return sum(map(len, self.latencies.values()))

    def summary(self):
        """In milliseconds; by kind where there are several."""
        everything = sorted(value for values in self.latencies.values() for value in values)
        summary = self._latency(everything) | {
            "seconds": rounded(self.seconds),
            "rps": rounded(len(everything) / self.seconds if self.seconds else 0.0),
            "kb": rounded(self.received / 1024 / max(1, len(everything))),
            "errors": dict(self.errors),
            "failed": sum(self.errors.values()),
        }
        if len(self.latencies) > 1:
            summary["kinds"] = {kind: self._latency(sorted(values)) for kind, values in sorted(self.latencies.items())}
        return summary

    @staticmethod
    def _latency(values):
        def milliseconds(seconds):
            return None if seconds is None else rounded(seconds * 1000)

        return {
            "requests": len(values),
            "mean_ms": milliseconds(statistics.fmean(values) if values else None),
            **{f"p{percent}_ms": milliseconds(percentile(values, percent)) for percent in (50, 90, 95, 99)},
            "max_ms": milliseconds(values[-1] if values else None),
        }


def over_rounds(rounds):
    """Rounds of the same, as median and spread of each figure. Errors add up; what only one round has is left out."""
    if not rounds:
        return {}
    figures = [name for name, value in rounds[0].items() if isinstance(value, int | float) and name != "failed"]
    merged = {name: spread([each.get(name) for each in rounds]) for name in figures}
    errors = sum((Counter(each.get("errors", {})) for each in rounds), Counter())
    return merged | {"errors": dict(errors), "failed": sum(errors.values()), "rounds": rounds}


def ratio(before, after):
    """How many times less, or None where there is nothing to compare."""
    return rounded(before / after) if before is not None and after else None
