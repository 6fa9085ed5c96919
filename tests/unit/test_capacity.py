"""How many hosts follow from what a request costs."""

import json

import pytest
from load.capacity import COSTS, Cost, Habits, hosts, latest, measured, most_users, saturates_first, told

BY_TIER = {"loadbalancer": 0.2, "app": 1.2, "primary": 0.3, "replicas": 0.4, "redis": 0.1}
COST = Cost(by_tier=BY_TIER, client=0.3, users=1000, rps=700, cores=2)


def report(**figures):
    """Three numbers of users: with the second the app costs more, the third is not borne."""
    level = {"failed": 0, "rps": 900, "users": 10} | dict.fromkeys(COSTS.values(), 1.0) | {"client_cpu_ms": 0.5}
    levels = [
        level,
        level | {"rps": 600, "app_cpu_ms": 2.0, "users": 100} | figures,
        level | {"rps": 2000, "users": 1000, "failed": 3},
    ]
    return {"machine": {"cores": 2}, "found": {"users": {"10000": {"levels": {"ours": levels}}}}}


def test_costs_are_those_of_the_most_users_who_met_no_error():
    cost = measured(report())
    assert (cost.users, cost.rps, cost.by_tier["app"], cost.client, cost.cores) == (100, 600, 2.0, 0.5, 2)


def test_without_a_measurement_there_is_no_answer():
    with pytest.raises(LookupError):
        measured({"machine": {"cores": 2}, "found": {}})
    nothing = report(failed=1)
    del nothing["found"]["users"]["10000"]["levels"]["ours"][0]
    with pytest.raises(LookupError):
        measured(nothing)


def test_what_was_kept_answers_where_a_newer_report_does_not(tmp_path):
    newer, kept = tmp_path / "newer.json", tmp_path / "kept.json"
    kept.write_text(json.dumps(report()))
    assert latest((newer, kept)).users == 100
    newer.write_text(json.dumps({"machine": {"cores": 2}, "found": {"sql": {}}}))
    assert latest((newer, kept)).users == 100
    with pytest.raises(LookupError):
        latest((newer,))


def test_few_users_get_the_fewest_hosts_of_which_one_may_be_away():
    assert hosts(COST, Habits(users=10)) == {"loadbalancer": 2, "app": 2, "primary": 1, "replicas": 2}


def test_hosts_grow_with_users_and_one_of_each_tier_may_be_away():
    # 10,000 requests/s cost 12 s of processor on app hosts, of which each gives 2.4 s.
    assert hosts(COST, Habits(users=100_000)) == {"loadbalancer": 2, "app": 6, "primary": 2, "replicas": 3}
    assert hosts(COST, Habits(users=100_000, cores=16))["app"] == 3
    assert hosts(COST, Habits(users=100_000, pause=1))["app"] == 51


def test_one_primary_and_one_thread_of_redis_bear_so_many_users():
    assert most_users(COST, Habits(users=1)) == {"primary": 80_000, "redis": 60_000}
    assert most_users(COST, Habits(users=1, cores=8)) == {"primary": 160_000, "redis": 60_000}
    assert saturates_first(COST) == "app"
    for users, limits in ((60_000, 0), (60_001, 1), (80_000, 1), (80_001, 2)):
        assert "\n".join(told(COST, Habits(users=users))).count("there can't be two") == limits


def test_the_prediction_for_the_machine_itself_counts_the_client_too():
    assert COST.predicted_rps == pytest.approx(800)
    assert "1,000 users who never pause: 800 requests/s. Measured: 700 (88%)" in "".join(told(COST, Habits(users=1)))
