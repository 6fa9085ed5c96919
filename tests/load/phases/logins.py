"""What cached reads wait for while wrong logins are under way: one hash of a password costs a third of a second of
processor. Each login names another user, as one who has failed five times is refused without a hash.
"""

from load import client
from load.figures import over_rounds

APP = "customers"
AT_ONCE = 20


def run(bench):
    """Reads without logins and with them, in turn."""
    rounds = {"quiet": [], "logins": []}
    bench.warm_up(APP)
    for number in range(bench.options.rounds):
        for what, logins in (("quiet", 0), ("logins", AT_ONCE)):
            bench.step(f"{what}, round {number + 1} of {bench.options.rounds}")
            rounds[what].append(together(bench, logins))
    return {what: over_rounds(of_what) for what, of_what in rounds.items()}


def together(bench, logins):
    """The latencies of the reads. A health check that fails counts as an error of theirs."""
    traffic = bench.traffic(APP, few=True)
    scripts = traffic.scripts("list", bench.options.users) + traffic.scripts("health", 1)
    sample = client.run(bench.stand.target(APP), scripts + traffic.scripts("login", logins), bench.options.seconds)
    figures = sample.summary()
    kinds = figures.pop("kinds")
    return figures | kinds["list"] | {"logins": kinds.get("login", {}).get("requests", 0)}
