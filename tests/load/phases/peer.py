"""Ours beside a hand-written service with the same SQL, fields, authentication and number of processes; no cache on
either side. Ours with gevent, as it is deployed, and with threads."""

from load.figures import over_rounds
from load.peer_sql import TARGET

REQUESTS = ("list", "search", "mix")
UNCACHED = {"ANSWER_SECONDS": 0}
WHO = {
    "peer": ("peer", None),
    "gevent": ("customers", UNCACHED),
    "gthread": ("customers", UNCACHED | {"GUNICORN_CMD_ARGS": "--worker-class gthread --threads 4"}),
}


def run(bench):
    """By request and by who answered."""
    refuse_other_sql(bench.stand)
    rounds = {request: {who: [] for who in WHO} for request in REQUESTS}
    for number in range(bench.options.rounds):
        for who, (app, environment) in WHO.items():
            with bench.stand.variant(app, **(environment or {})):
                bench.warm_up(app)
                for request in REQUESTS:
                    bench.step(f"{request}, {who}, round {number + 1} of {bench.options.rounds}")
                    rounds[request][who].append(bench.round(app, request))
    return {request: {who: over_rounds(each) for who, each in found.items()} for request, found in rounds.items()}


def refuse_other_sql(stand):
    """The peer asks what the app that is deployed asks."""
    differing = [
        name
        for name, text in stand.python("customers", "statements.py").items()
        if (TARGET / name).read_text() != text + "\n"
    ]
    if differing:
        raise RuntimeError(
            f"the peer's SQL is not the app's ({', '.join(differing)}): type PYTHONPATH=tests python -m load.peer_sql, "
            "remove the lab by lab/lab --lab bench destroy, and run this again"
        )
