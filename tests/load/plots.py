"""Pictures of what was found, as SVG."""

import altair as alt
import vl_convert

NAIVE, COLD, WARM, PEER, OTHER = "#c2504a", "#2f6db3", "#9cc3ea", "#7a7a7a", "#5a9a78"
NAMES = {"naive": "slow app", "cold": "ours, nothing cached", "warm": "ours, cached"}
COLORS = {"slow app": NAIVE, "ours, nothing cached": COLD, "ours, cached": WARM, "ours": COLD}
FONT = "system-ui, sans-serif"
THIN = alt.Axis(grid=True, gridColor="#eeeeee", domain=False, ticks=False, labelColor="#444", titleColor="#444")


def svg(chart):
    """A chart as text."""
    themed = chart.configure(
        view={"stroke": None},
        font="sans-serif",
        axis={"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        header={"labelFontSize": 13, "labelFontWeight": "bold", "title": None},
        legend={"labelFontSize": 12, "title": None, "orient": "top"},
    )
    return vl_convert.vegalite_to_svg(themed.to_dict())


def data(rows):
    """Rows as altair takes them."""
    return alt.Data(values=rows)


def bars(rows, *, title, log=True, height=22):
    """Labelled bars, one below the other: rows of label, who and value; grouped by label."""
    order = list(dict.fromkeys(row["who"] for row in rows))
    labels = list(dict.fromkeys(row["label"] for row in rows))
    values = [row["value"] for row in rows]
    scale = alt.Scale(zero=True)
    if log:  # which has no zero to begin at
        floor = min(values) / 3
        scale = alt.Scale(type="log", nice=False, domain=[floor, max(values) * 2])
        rows = [row | {"floor": floor} for row in rows]
    x = alt.X("value:Q", scale=scale, title=title, axis=THIN)
    base = alt.Chart(data(rows)).encode(
        y=alt.Y("who:N", sort=order, title=None, axis=None),
        color=alt.Color("who:N", sort=order, scale=alt.Scale(domain=order, range=[color(who) for who in order])),
    )
    bar = base.mark_bar().encode(x=x, x2="floor:Q") if log else base.mark_bar().encode(x=x)
    text = base.mark_text(align="left", dx=4, color="#333", fontSize=11).encode(
        x=x, text="shown:N", color=alt.value("#333333")
    )
    return (
        alt.layer(bar, text)
        .properties(width=560, height=height * len(order))
        .facet(row=alt.Row("label:N", sort=labels, header=alt.Header(labelAngle=0, labelAlign="left", title=None)))
        .properties(spacing=8)
    )


def color(who):
    """The same one for the same in every picture."""
    return COLORS.get(who, PEER if "peer" in who else OTHER)


def shown(value, unit):
    """A figure as people read it."""
    digits = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:.2g}"
    return f"{digits} {unit}"


def endpoints(found):
    """Median answer of each endpoint, by who answered."""
    rows = [
        row(endpoint, NAMES[who], figures["p50_ms"]["median"], "ms")
        for endpoint, by_who in found.items()
        for who, figures in by_who.items()
    ]
    return bars(present(rows), title="median answer with 10 users (ms, logarithmic)")


def row(label, who, value, unit):
    """One bar."""
    return {"label": label, "who": who, "value": value, "shown": shown(value, unit) if value else ""}


def present(rows):
    """Those that have a value."""
    return [each for each in rows if each["value"]]


def searches(found):
    """Median of a search's SQL, by the kind of term."""
    who = {"naive": "slow app", "ours": "ours"}
    rows = [
        row(kind, who[each], figures["p50_ms"], "ms")
        for kind in found["search"]["ours"]
        for each in ("naive", "ours")
        if (figures := found["search"][each].get(kind))
    ]
    return bars(present(rows), title="median of the SQL alone (ms, logarithmic)")


def users(found):
    """Waiting and throughput by users."""
    who = {"naive": "slow app", "ours": "ours"}
    rows = [
        {"who": who[each], "users": figures["users"], "p95": figures["p95_ms"], "rps": figures["rps"]}
        for each, levels in found["levels"].items()
        for figures in levels
        if figures["p95_ms"]
    ]
    order = ["slow app", "ours"]
    color_ = alt.Color("who:N", sort=order, scale=alt.Scale(domain=order, range=[color(each) for each in order]))
    x = alt.X(
        "users:Q", scale=alt.Scale(type="log"), title="users at once", axis=axis([1, 10, 50, 100, 200, 500, 1000])
    )
    wait = (
        alt.Chart(data(rows))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("p95:Q", scale=alt.Scale(type="log"), title="95 of 100 wait less (ms)", axis=THIN),
            color=color_,
        )
    )
    bound = alt.Chart(data([{"y": 500}])).mark_rule(strokeDash=[4, 4], color="#888").encode(y="y:Q")
    much = (
        alt.Chart(data(rows))
        .mark_line(point=True, strokeWidth=2)
        .encode(x=x, y=alt.Y("rps:Q", title="answers per second", axis=THIN), color=color_)
    )
    size = {"width": 330, "height": 260}
    return alt.hconcat(alt.layer(wait, bound).properties(**size), much.properties(**size), spacing=40)


def axis(values):
    """The light axis with these marks."""
    return alt.Axis(values=values, grid=True, gridColor="#eeeeee", domain=False, ticks=False)


def techniques(found):
    """The slow app with one technique at a time."""
    rows = [
        row(request, "slow app" if name == "naive" else name, figures["p50_ms"]["median"], "ms")
        for request in ("list", "search")
        for name, figures in found[request].items()
    ]
    order = list(dict.fromkeys(each["who"] for each in rows))
    x = alt.X("value:Q", title="median answer with 10 users (ms)", axis=THIN)
    base = alt.Chart(data(present(rows))).encode(y=alt.Y("who:N", sort=order, title=None))
    bar = base.mark_bar().encode(
        x=x, color=alt.condition("datum.who == 'slow app'", alt.value(NAIVE), alt.value(OTHER))
    )
    text = base.mark_text(align="left", dx=4, fontSize=11, color="#333").encode(x=x, text="shown:N")
    return alt.layer(bar, text).properties(width=300, height=22 * len(order)).facet(column=alt.Column("label:N"))


def costs(found):
    """Milliseconds of processor that one answer costs, by tier."""
    tiers = {"app_cpu_ms": "app host", "database_cpu_ms": "database", "front_cpu_ms": "load balancer"}
    rows = [
        {"label": endpoint, "who": NAMES[who], "tier": tier, "value": figures[name]["median"]}
        for endpoint, by_who in found.items()
        for who, figures in by_who.items()
        for name, tier in tiers.items()
    ]
    order = list(NAMES.values())
    return (
        alt.Chart(data(present(rows)))
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title="processor time of one answer (ms)", axis=THIN),
            y=alt.Y("who:N", sort=order, title=None),
            color=alt.Color(
                "tier:N", scale=alt.Scale(domain=list(tiers.values()), range=["#2f6db3", "#d08a3c", "#a9a9a9"])
            ),
        )
        .properties(width=460, height=66)
        .facet(row=alt.Row("label:N", header=alt.Header(labelAngle=0, labelAlign="left")))
    )


def throughputs(rows):
    """Bars of answers per second: (label, who, rps)."""
    return bars(present([row(*each, "/s") for each in rows]), title="answers per second", log=False)
