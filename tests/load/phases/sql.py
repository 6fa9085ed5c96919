"""What searches cost the database alone: ours, and the slow app's as Django writes it; pages by cursor and by number.

Each app asks in its own environment, on a connection that is open and has been asked some of each kind before, as in a
process that serves; one query at a time. The slow app's, which prepares nothing and reads the whole table each time, is
asked one of each kind; and among more customers than a million in the first round only, which takes minutes. Nor are
pages by number, which read all that they skip, asked for more than five times there.
"""

from load.figures import percentile, ratio, rounded, spread

FIRST = {"ours": 6, "naive": 1}  # of each kind; what psycopg prepares it has prepared by then
OFTEN = 1_000_000  # customers; where there are more, what reads them all is asked less


def run(bench):
    """By kind of term, and over all; in milliseconds."""
    terms = {kind: of_kind[: bench.options.terms] for kind, of_kind in bench.terms.items()}
    rounds = {"ours": {}, "naive": {}}
    for number in range(bench.options.rounds):
        bench.step(f"search by SQL, round {number + 1} of {bench.options.rounds}")
        # Other terms in each round, so that none is asked twice.
        part = {kind: of_kind[number :: bench.options.rounds] for kind, of_kind in terms.items()}
        for who, app in (("naive", "naive"), ("ours", "customers")):
            if who == "naive" and number and bench.size > OFTEN:
                continue
            first = {kind: of_kind[bench.options.terms :][: FIRST[who]] for kind, of_kind in bench.terms.items()}
            answer = bench.stand.python(app, f"search_{who}.py", terms=part, first=first)
            for kind, times in answer.items():
                rounds[who].setdefault(kind, []).extend(times)
    bench.step("pages by cursor and by number")
    depth = bench.size - min(1000, bench.size // 2)
    times = max(5, bench.options.terms) if bench.size <= OFTEN else 5
    pages = bench.stand.python("customers", "depth.py", depth=depth, times=times)
    return {
        "search": {who: {kind: figures(times) for kind, times in found.items()} for who, found in rounds.items()},
        "all": {who: figures([each for times in found.values() for each in times]) for who, found in rounds.items()},
        "ratio": ratio(*(median([t for times in rounds[who].values() for t in times]) for who in ("naive", "ours"))),
        "depth": depth,
        "pages": {way: figures(times) for way, times in pages.items()},
    }


def figures(times):
    """Of times in seconds."""
    ordered = sorted(times)
    return {
        "queries": len(ordered),
        **{f"p{percent}_ms": rounded(percentile(ordered, percent) * 1000) for percent in (50, 95)},
        **{f"{name}_ms": rounded(value * 1000) for name, value in spread(ordered).items() if name != "median"},
    }


def median(times):
    """The middle one."""
    return percentile(sorted(times), 50)
