"""How many users each can serve: more and more of them ask for a mix of everything, 5 % of it writes."""

PATIENCE_MS = 500
# The slow app is spared more than it can bear, once this many have been seen, which is what the analysis speaks of.
SPARED_FROM = 100


def run(bench):
    """By app, what each number of users met; and the most that were served."""
    found = {"naive": [], "ours": []}
    for app in ("naive", "customers"):
        bench.warm_up(app)
    for level in bench.options.levels:
        for who, app in (("naive", "naive"), ("ours", "customers")):
            if who == "naive" and is_saturated(found[who]):
                continue
            bench.step(f"{level} users, {who}")
            figures = bench.round(app, "mix", users=level, seconds=bench.options.sweep_seconds)
            figures["memory"] = bench.stand.counters(memory=True)
            found[who].append(figures)
    return {"levels": found, "served": {who: served(levels) for who, levels in found.items()}}


def is_saturated(levels):
    """Whether more users would only wait longer."""
    return bool(levels) and levels[-1]["users"] >= SPARED_FROM and not is_served(levels[-1])


def is_served(figures):
    """Whether they were answered in time, all of them."""
    return figures["failed"] == 0 and figures["p95_ms"] is not None and figures["p95_ms"] <= PATIENCE_MS


def served(levels):
    """The most users that were, by a straight line between the last level that was and the first that was not; 0 where
    not even one was."""
    most = max((position for position, level in enumerate(levels) if is_served(level)), default=None)
    if most is None:
        return 0
    last, beyond = levels[most], levels[most + 1] if most + 1 < len(levels) else None
    if beyond is None or beyond["failed"] or beyond["p95_ms"] is None:
        return last["users"]
    part = (PATIENCE_MS - last["p95_ms"]) / (beyond["p95_ms"] - last["p95_ms"])
    return last["users"] + int(part * (beyond["users"] - last["users"]))
