"""How many hosts follow from what a request costs."""

import pytest
from load.capacity import COSTS, Cost, Habits, hosts, measured, most_users, saturates_first, told

COST = Cost(by_tier={"loadbalancer": 0.2, "app": 1.2, "primary": 0.3, "replicas": 0.4}, client=0.4, rps=700, cores=2)


def report(**figures):
    """Three levels of users: the second answers most, the third fails."""
    level = {"failed": 0, "rps": 500} | dict.fromkeys(COSTS.values(), 1.0) | {"client_cpu_ms": 0.5}
    levels = [level, level | {"rps": 900, "app_cpu_ms": 2.0} | figures, level | {"rps": 2000, "failed": 3}]
    return {"machine": {"cores": 2}, "found": {"users": {"10000": {"levels": {"ours": levels}}}}}


def test_costs_are_those_of_the_level_that_answered_most_without_an_error():
    cost = measured(report())
    assert (cost.rps, cost.by_tier["app"], cost.client, cost.cores) == (900, 2.0, 0.5, 2)


def test_without_a_measurement_there_is_no_answer():
    with pytest.raises(LookupError):
        measured({"machine": {"cores": 2}, "found": {}})


def test_few_users_get_the_fewest_hosts_of_which_one_may_be_away():
    assert hosts(COST, Habits(users=10)) == {"loadbalancer": 2, "app": 2, "primary": 1, "replicas": 2}


def test_hosts_grow_with_users_and_one_of_each_tier_may_be_away():
    # 10,000 requests/s cost 12 s of processor on app hosts, of which each gives 2.4 s.
    assert hosts(COST, Habits(users=100_000)) == {"loadbalancer": 2, "app": 6, "primary": 2, "replicas": 3}
    assert hosts(COST, Habits(users=100_000, cores=16))["app"] == 3
    assert hosts(COST, Habits(users=100_000, pause=1))["app"] == 51


def test_one_primary_bears_so_many_users():
    assert most_users(COST, Habits(users=1)) == 80_000
    assert saturates_first(COST) == "app"
    assert "there can't be two" in "".join(told(COST, Habits(users=80_001)))
    assert "there can't be two" not in "".join(told(COST, Habits(users=80_000)))


def test_the_prediction_for_the_machine_itself_counts_the_client_too():
    assert COST.predicted_rps == pytest.approx(800)
    assert "800 requests/s. Measured: 700 (88%)" in "".join(told(COST, Habits(users=1)))
