"""What users ask: requests as bytes, drawn by a generator whose seed is recorded."""

import itertools
import json
import random
from dataclasses import dataclass, field
from urllib.parse import quote

# Of a mix, in percent.
MIX = {"list": 40, "search": 30, "detail": 20, "stats": 5, "write": 5}
PAGE_SIZE = 20
# Where it is not 200 alone: a wrong login is refused, or there were too many.
RIGHT = {"login": (400, 429)}


@dataclass(frozen=True)
class Row:
    """What of a customer is asked for again."""

    id: int
    first_name: str
    last_name: str
    email: str
    phone: str


@dataclass
class Traffic:
    """Requests to one app. `fresh` ones carry a parameter that nobody has sent before, so that no cache has them."""

    host: str
    tokens: list = field(repr=False)
    rows: list = field(repr=False)
    terms: list = field(repr=False)
    seed: int = 0
    fresh: bool = False
    prefix: str = ""
    headers: str = ""

    def __post_init__(self):
        self.numbers = itertools.count()
        self.writable = [row for row in self.rows if row.first_name.isascii()]

    def scripts(self, kind, users):
        """One for each user."""
        return [self.script(kind, number) for number in range(users)]

    def script(self, kind, number):
        """Endless requests of one kind, or of all in a mix."""
        generator = random.Random(f"{self.seed} {kind} {number}")
        token = self.tokens[number % len(self.tokens)]
        kinds, weights = zip(*MIX.items(), strict=True)
        while True:
            now = generator.choices(kinds, weights)[0] if kind == "mix" else kind
            yield now, getattr(self, now)(generator, token), RIGHT.get(now, (200,))

    def list(self, generator, token):
        """The first page."""
        return self.get(f"/api/customers/?page_size={PAGE_SIZE}", token)

    def search(self, generator, token):
        """The first page of what is found."""
        return self.get(f"/api/customers/?page_size={PAGE_SIZE}&search={quote(generator.choice(self.terms))}", token)

    def detail(self, generator, token):
        """One customer."""
        return self.get(f"/api/customers/{generator.choice(self.rows).id}/?", token)

    def stats(self, generator, token):
        """How many there are."""
        return self.get("/api/customers/stats/?", token)

    def write(self, generator, token):
        """A note on a customer, whose name stays what it is."""
        row = generator.choice(self.writable)
        body = json.dumps({"first_name": row.first_name, "notes": f"Called, number {generator.random()}."}).encode()
        head = self.head("PATCH", f"/api/customers/{row.id}/", token)
        return head.encode() + sized(body)

    def health(self, generator, token):
        """Whether the process lives."""
        return self.get("/healthz?", token)

    def login(self, generator, token):
        """A password that is wrong, of a user who does not exist."""
        body = json.dumps({"username": f"unknown-{generator.random()}", "password": "a wrong guess"}).encode()
        return self.head("POST", "/api/token/", token).encode() + sized(body)

    def get(self, path, token):
        """A request that only reads."""
        if self.fresh:
            path += f"&_={self.seed}-{next(self.numbers)}"
        return f"{self.head('GET', path, token)}\r\n".encode()

    def head(self, method, path, token):
        """The lines that all have."""
        lines = (f"{method} {self.prefix}{path} HTTP/1.1", f"Host: {self.host}", f"Authorization: Token {token}")
        return "\r\n".join(lines) + f"\r\n{self.headers}"


def sized(body):
    """A body of JSON, with the headers that belong to it."""
    return f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def draw_terms(rows, generator):
    """{kind of term: terms}, each a part of somebody's row, so that it is found; but for the last kind."""

    def inner(text, length):
        start = generator.randrange(1, max(2, len(text) - length))
        return text[start : start + length]

    def local(row):
        return row.email.partition("@")[0]

    def digits(text):
        runs = "".join(each if each.isdigit() else " " for each in text).split()
        return max(runs, key=len, default="")

    kinds = {
        "last name": [row.last_name for row in rows],
        "first name": [row.first_name for row in rows],
        "beginning of a name": [row.last_name[:4] for row in rows],
        "part of a name": [inner(row.last_name, 4) for row in rows if len(row.last_name) > 5],
        "beginning of an e-mail": [local(row)[:10] for row in rows],
        "part of an e-mail": [digits(local(row)) for row in rows],
        "part of a phone number": [digits(row.phone) for row in rows],
        "nobody": ["".join(generator.choices("qxzjkvw", k=6)) for _ in rows],
    }
    return {kind: [term for term in terms if len(term.strip()) >= 3] for kind, terms in kinds.items()}


def words(terms):
    """Of all kinds, those that are one word of letters, which the peer can search for too."""
    names = ("last name", "first name", "beginning of a name", "part of a name")
    return [term for kind in names for term in terms[kind] if term.isalpha() and term.isascii()]
