"""Each hot endpoint over HTTP: the slow app and ours, in turn. Ours twice: asked what nobody has asked before, so that
nothing is cached (cold), and asked the same again and again (warm)."""

from load.figures import over_rounds

ENDPOINTS = ("list", "search", "detail", "stats")
WHO = {"naive": ("naive", {}), "cold": ("customers", {"fresh": True}), "warm": ("customers", {"few": True})}


def run(bench):
    """By endpoint and by who answered."""
    rounds = {endpoint: {who: [] for who in WHO} for endpoint in ENDPOINTS}
    for app in ("naive", "customers"):
        bench.warm_up(app)
    for number in range(bench.options.rounds):
        for endpoint in ENDPOINTS:
            for who, (app, what) in WHO.items():
                bench.step(f"{endpoint}, {who}, round {number + 1} of {bench.options.rounds}")
                rounds[endpoint][who].append(bench.round(app, endpoint, **what))
    return {endpoint: {who: over_rounds(of_who) for who, of_who in found.items()} for endpoint, found in rounds.items()}
