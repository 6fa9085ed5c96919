"""The slow app with one technique at a time: what each is worth by itself."""

from load.figures import over_rounds

# {name, and the path below /with/: (what it is, the requests that it is for)}
TECHNIQUES = {
    "fulltext": ("the analysis' full-text search: whole words, ranked", ("search",)),
    "trigrams": ("an index of trigrams: the same answers as without", ("search",)),
    "only": ("only() the columns shown, and a lean serializer", ("list", "search")),
    "nocount": ("pages without a count", ("list", "search")),
    "keyset": ("pages by cursor, with an index for their order", ("list",)),
    "pool": ("a pool of connections in each process", ("list", "search")),
    "cache": ("answers kept in Redis for 30 s", ("list", "search")),
    "rows": ("rows as the database returns them, written by orjson", ("list", "search")),
}
# No technique, but how the slow app may have been run where it was described: nothing is said of TLS there.
PLAIN = "plain"
# Those that concern the whole process: how it is run then.
WORKERS = {
    "gevent": ("gevent workers", {"GUNICORN_CMD_ARGS": "--worker-class gevent"}),
    "gthread": ("threaded workers, four threads each", {"GUNICORN_CMD_ARGS": "--worker-class gthread --threads 4"}),
}


def run(bench):
    """By request: the slow app as it is, and with each technique."""
    rounds = {"list": {}, "search": {}}

    def measure(name, prefix, requests, number):
        for request in requests:
            bench.step(f"{request}, {name}, round {number + 1} of {bench.options.rounds}")
            rounds[request].setdefault(name, []).append(
                bench.round("naive", request, prefix=prefix, few=name == "cache")
            )

    for number in range(bench.options.rounds):
        bench.warm_up("naive")
        measure("naive", "", rounds, number)
        for name, (_, requests) in TECHNIQUES.items():
            measure(name, f"/with/{name}", requests, number)
        for name, (_, environment) in WORKERS.items():
            with bench.stand.variant("naive", **environment):
                bench.warm_up("naive")
                measure(name, "", rounds, number)
        with bench.stand.plain("naive") as environment, bench.stand.variant("naive", **environment):
            bench.warm_up("naive")
            measure(PLAIN, "", rounds, number)
    return {
        "what": {name: what for name, (what, _) in (TECHNIQUES | WORKERS).items()}
        | {PLAIN: "connections without TLS, straight to PostgreSQL"},
        **{request: {name: over_rounds(each) for name, each in found.items()} for request, found in rounds.items()},
    }
