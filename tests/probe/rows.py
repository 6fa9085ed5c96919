"""The customers that a probe writes: how they look, and how they are told from everybody else's."""

import re
import uuid
from dataclasses import dataclass, replace

PATH = "/api/customers/"
DOMAIN = "probe.example"
OURS = re.compile(rf"^probe-[0-9a-f]{{8}}-\d+@{re.escape(DOMAIN)}$")


@dataclass(frozen=True)
class Row:
    """A customer as it is written, and what its notes were before each change, the latest last."""

    email: str
    notes: str
    before: tuple[str, ...] = ()

    @property
    def body(self):
        """What is sent."""
        return {"first_name": "Probe", "last_name": "Row", "email": self.email, "notes": self.notes}

    def changed(self):
        """The same customer with other notes."""
        return replace(self, notes=uuid.uuid4().hex, before=(*self.before, self.notes))

    def is_older_in(self, body):
        """Whether an answer carries what was true before a change."""
        return isinstance(body, dict) and body.get("email") == self.email and body.get("notes") in self.before

    def is_in(self, body):
        """Whether an answer carries what was sent."""
        return isinstance(body, dict) and all(body.get(key) == value for key, value in self.body.items())


class Rows:
    """Those of one run, and which of them were acknowledged."""

    def __init__(self):
        self.run = uuid.uuid4().hex[:8]
        self.written = 0
        self.acknowledged = {}
        self.changing = {}  # by number: what a change that is under way, or had no answer, makes of a row

    def new(self):
        """A row that nobody has written yet."""
        self.written += 1
        return Row(email=f"probe-{self.run}-{self.written}@{DOMAIN}", notes=uuid.uuid4().hex)

    def acknowledge(self, number, row):
        """Remember a row by the number that it was given."""
        self.acknowledged[number] = row

    def recent(self):
        """The number of the row that was acknowledged last, and the row; of none, nothing."""
        return next(reversed(self.acknowledged.items()), (None, None))

    def to_change(self):
        """The number of the latest row that no change is under way of, and the row; of none, nothing."""
        settled = (each for each in reversed(self.acknowledged.items()) if each[0] not in self.changing)
        return next(settled, (None, None))
