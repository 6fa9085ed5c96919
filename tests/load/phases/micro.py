"""What a validation and the serialization of a page cost the process, in the interpreters of the hosts."""

from load.figures import ratio, rounded, spread

REPEATS = 5


def run(bench):
    """Microseconds, before and after."""
    rounds = {"naive": [], "ours": []}
    for number in range(bench.options.rounds):
        bench.step(f"validation and serialization, round {number + 1} of {bench.options.rounds}")
        for who, app, script in (("naive", "naive", "micro_naive.py"), ("ours", "customers", "micro_ours.py")):
            rounds[who].append(bench.stand.python(app, script, repeats=REPEATS))
    found = {}
    for what in rounds["naive"][0]:
        figures = {who: spread([each[what] * 1e6 for each in of_who]) for who, of_who in rounds.items()}
        found[what] = figures | {"ratio": ratio(figures["naive"]["median"], figures["ours"]["median"])}
    return {what: {key: rounded(value) for key, value in figures.items()} for what, figures in found.items()}
