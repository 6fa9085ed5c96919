"""Answers kept in Redis: never another user's, never older than a commit that Redis heard of."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, connections, transaction
from knox.crypto import hash_token
from prometheus_client import REGISTRY
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts.models import Token
from customers import selectors, services
from customers.models import Customer
from serving import answers, authentication, changes, metrics, redis
from tests.access import header, permitted, token_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica"])
URL = "/api/customers/"


@pytest.fixture(autouse=True)
def remembering(settings, monkeypatch):
    """From the first time on, in a part of Redis that no other test has written to."""
    monkeypatch.setattr(answers, "was_asked", lambda key: True)
    settings.ANSWER_SECONDS = 30
    settings.TOKEN_SECONDS = 5
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": f"customers:tests:{uuid4().hex}"}}


@pytest.fixture
def queries(django_assert_num_queries):
    return django_assert_num_queries


def client_of(name: str) -> APIClient:
    user, _ = User.objects.get_or_create(username=name)
    client = APIClient(HTTP_X_FORWARDED_PROTO="https")
    client.credentials(HTTP_AUTHORIZATION=header(permitted(user)))
    return client


def count(result: str) -> float:
    return REGISTRY.get_sample_value("app_cached_answers_total", {"result": result}) or 0


@pytest.mark.parametrize("path", ["", "?search=ada", "?page_size=2&is_active=true", "stats/", "{pk}/"])
def test_a_cold_answer_is_two_queries_and_a_warm_one_none(api, make, queries, path):
    url = URL + path.format(pk=make().pk)
    authentication.forget()
    with queries(2):
        cold = api.get(url)
    with queries(0):
        warm = api.get(url)
    assert warm.status_code == 200
    assert warm.content == cold.content
    assert warm.headers.keys() - {"X-Request-ID", "X-Response-Time"} == cold.headers.keys() - {
        "X-Request-ID",
        "X-Response-Time",
    }


def test_an_answer_is_kept_from_the_second_time_on(api, make, queries, monkeypatch):
    monkeypatch.undo()
    make()
    for asked in (1, 1, 0):
        with queries(asked + (not authentication._known)):
            api.get(URL, {"page_size": 3})
        with queries(1):
            api.get(URL, {"search": uuid4().hex})


def create():
    services.create_customer(first_name="Grace", last_name="Hopper", email="grace@example.com")


def update():
    services.update_customer(customer=Customer.objects.get(first_name="Ada"), city="London")


def delete():
    services.delete_customer(customer=Customer.objects.get(first_name="Ada"))


def bulk():
    services.create_sample_customers(numbers=range(3))


def raw():
    with connection.cursor() as cursor:
        cursor.execute("WITH gone AS (DELETE FROM customers_customer RETURNING id) SELECT count(*) FROM gone")


@pytest.mark.parametrize("write", [create, update, delete, bulk, raw])
def test_whatever_is_written_is_seen_at_once(api, make, write):
    make()
    before = [api.get(url).content for url in (URL, f"{URL}?search=a")]
    write()
    assert [api.get(url).content for url in (URL, f"{URL}?search=a")] != before
    assert len(api.get(URL).json()["results"]) == Customer.objects.count()


def test_a_writer_over_http_sees_its_write_and_so_do_others(api):
    other = client_of("grace")
    assert other.get(URL).json()["results"] == api.get(URL).json()["results"] == []
    api.post(URL, {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"})
    for client in (api, other):
        assert [row["first_name"] for row in client.get(URL).json()["results"]] == ["Ann"]


def test_what_is_rolled_back_voids_nothing(api, make):
    make()
    api.get(URL)
    hits = count("hit")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        make()
        raise ZeroDivisionError
    with transaction.atomic(), pytest.raises(ZeroDivisionError), transaction.atomic():
        make()
        raise ZeroDivisionError
    api.get(URL)
    assert count("hit") == hits + 1


def test_an_answer_that_was_begun_before_a_commit_and_ends_after_it_is_not_kept(api, make, monkeypatch):
    read = selectors.customer_page

    def read_then_somebody_writes(**query):
        page = read(**query)
        monkeypatch.undo()
        make()
        return page

    monkeypatch.setattr(selectors, "customer_page", read_then_somebody_writes)
    assert api.get(URL).json()["results"] == []
    assert len(api.get(URL).json()["results"]) == 1


def test_two_users_never_see_each_others_answer():
    class Mine(APIView):
        authentication_classes = permission_classes = []

        @answers.cached(Customer)
        def get(self, request):
            return Response({"you": request.user.username})

    def ask(name: str):
        request = APIRequestFactory().get("/mine/", secure=True)
        force_authenticate(request, user=User.objects.get_or_create(username=name)[0])
        return Mine.as_view()(request)

    for _ in range(2):
        assert [ask(name).content for name in ("ada", "grace")] == [b'{"you":"ada"}', b'{"you":"grace"}']


def test_a_shared_answer_is_still_only_for_those_who_may_ask(api, make, anonymous):
    make()
    api.get(URL)
    assert APIClient(HTTP_X_FORWARDED_PROTO="https").get(URL).status_code == 401


def test_other_parameters_and_other_hosts_are_other_answers(api, make, settings):
    settings.ALLOWED_HOSTS = ["testserver", "other.example"]
    for _ in range(3):
        make()
    assert len(api.get(URL, {"page_size": 2}).json()["results"]) == 2
    assert len(api.get(URL, {"page_size": 1}).json()["results"]) == 1
    assert api.get(URL, {"page_size": 1}, HTTP_HOST="other.example").json()["next"].startswith("https://other.example/")
    assert api.get(URL, {"page_size": 1}).json()["next"].startswith("https://testserver/")


def test_a_herd_on_a_cold_answer_asks_the_database_once(make, monkeypatch):
    make()
    clients = [client_of("ada") for _ in range(12)]
    arrived = threading.Barrier(len(clients))
    asked = []
    read = selectors.customer_page

    def slow(**query):
        asked.append(query)
        threading.Event().wait(0.3)
        return read(**query)

    def ask(client) -> bytes:
        try:
            arrived.wait()
            return client.get(URL).content
        finally:
            connections.close_all()

    monkeypatch.setattr(selectors, "customer_page", slow)
    with ThreadPoolExecutor(len(clients)) as pool:
        assert len(set(pool.map(ask, clients))) == 1
    assert len(asked) == 1


def ask(client: APIClient) -> list[str]:
    """First names, in a thread of its own."""
    try:
        return [row["first_name"] for row in client.get(URL).json()["results"]]
    finally:
        connections.close_all()


def test_a_herd_is_answered_within_two_flights_however_often_somebody_writes(make, monkeypatch):
    clients = [client_of("ada") for _ in range(12)]
    asked = []
    read = selectors.customer_page

    def slow_while_somebody_writes(**query):
        asked.append(query)
        threading.Event().wait(0.2)
        page = read(**query)
        make()
        return page

    monkeypatch.setattr(selectors, "customer_page", slow_while_somebody_writes)
    with ThreadPoolExecutor(len(clients)) as pool:
        found = list(pool.map(ask, clients))
    assert {len(names) for names in found} <= {0, 1, 2}
    assert len(asked) <= 3


def test_who_comes_after_a_commit_is_not_given_what_was_begun_before_it(make, monkeypatch):
    clients = [client_of(name) for name in ("ada", "grace", "grace")]
    begun, go_on = threading.Event(), threading.Event()
    read = selectors.customer_page

    def read_then_wait(**query):
        page = read(**query)
        if not begun.is_set():
            begun.set()
            assert go_on.wait(10)
        return page

    monkeypatch.setattr(selectors, "customer_page", read_then_wait)
    with ThreadPoolExecutor(3) as pool:
        early = pool.submit(ask, clients[0])
        assert begun.wait(10)
        make()
        late = [pool.submit(ask, client) for client in clients[1:]]
        threading.Event().wait(0.3)
        assert not any(each.done() for each in late)
        go_on.set()
        assert (early.result(), [each.result() for each in late]) == ([], [["Ada"], ["Ada"]])


def test_who_waits_takes_what_another_one_found_only_if_it_was_begun_later():
    shelf = answers.Shelf([Customer._meta.db_table], uuid4().hex)
    turn = answers._turns[shelf.key] = answers.Turn(entry=answers.Entry(5, {}, b"found"))
    assert shelf.wait(came_at=4).entry == turn.entry
    for came_at in (5, 6):
        redis.connection().delete(shelf.flight_key)
        look = shelf.wait(came_at)
        assert (look.entry, look.first) == (None, True)


def test_who_waits_holds_no_connection(monkeypatch):
    shelf = answers.Shelf([Customer._meta.db_table], uuid4().hex)
    User.objects.exists()  # as a session is read
    held = []
    monkeypatch.setattr(shelf, "look", lambda *_: held.append(connection.connection) or answers.Look(None, first=True))
    shelf.wait(came_at=1)
    assert held == [None]


def test_a_clock_that_was_set_back_makes_nothing_newer_than_it_is():
    shelf = answers.Shelf([Customer._meta.db_table], uuid4().hex)
    came = shelf.look()
    for looked_at, taken in ((came.at - 1, False), (came.at + 1, True), (came.at + 10**9, False)):
        redis.connection().set(shelf.key, answers.Entry(looked_at, {}, b"found").encode(b"other versions"))
        assert bool(shelf.look(came.at).entry) == taken


def test_an_answer_may_be_as_old_as_its_view_says():
    shelf = answers.Shelf([Customer._meta.db_table], uuid4().hex, seconds=10)
    now = shelf.look().at
    for seconds, taken in ((5, True), (11, False), (-100, False)):
        entry = answers.Entry(now - seconds * 1_000_000, {}, b"found")
        redis.connection().set(shelf.key, entry.encode(b"other versions"))
        assert bool(shelf.look().entry) == taken


def test_statistics_may_lack_what_was_just_written(api, make):
    make()
    assert [(make(), api.get(f"{URL}stats/").json()["total"])[1] for _ in range(2)] == [2, 2]


def test_a_failed_answer_is_not_kept_and_keeps_nobody_waiting(api, make):
    customer = make()
    assert api.get(f"{URL}{customer.pk + 1}/").status_code == 404
    waited = count("waited")
    assert api.get(f"{URL}{customer.pk + 1}/").status_code == 404
    assert api.get(URL, {"page_size": 0}).status_code == 400
    assert make().pk == customer.pk + 1
    assert api.get(f"{URL}{customer.pk + 1}/").status_code == 200
    assert count("waited") == waited


def test_who_has_it_already_is_told_so(api, make, queries):
    make()
    first = api.get(URL)
    assert "no-cache" in first["Cache-Control"]
    assert "private" in first["Cache-Control"]
    assert {"Authorization", "Cookie"} <= set(first["Vary"].replace(" ", "").split(","))
    # As nginx weakens it when it compresses.
    for tag in (first["ETag"], f"W/{first['ETag']}"):
        with queries(0):
            again = api.get(URL, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    make()
    changed = api.get(URL, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert changed["ETag"] != first["ETag"]


def test_an_answer_is_kept_for_the_stated_time(api, make, settings):
    make()
    api.get(URL)
    key = next(iter(redis.connection().keys(redis.key("answer", "*"))))
    assert 0 < redis.connection().ttl(key) <= settings.ANSWER_SECONDS


def test_no_name_is_in_a_key(api, make):
    make()
    api.get(URL, {"search": "Lovelace"})
    assert not [key for key in redis.connection().keys(redis.key("*")) if b"lovelace" in key.lower()]


def test_a_commit_that_redis_missed_is_the_first_that_it_hears_of(api, make, settings):
    make()
    api.get(URL)
    known = settings.CACHES
    settings.CACHES = {"default": {**known["default"], "LOCATION": "redis://customers@127.0.0.1:1/0"}}
    make()
    assert len(api.get(URL).json()["results"]) == 2
    settings.CACHES = known
    redis.breaker.failed = 0
    assert len(api.get(URL).json()["results"]) == 2
    assert not changes._outdated


def test_redis_that_lost_its_memory_only_costs_a_query(api, make, queries):
    make()
    api.get(URL)
    redis.connection().delete(*redis.connection().keys(redis.key("*")))
    with queries(1):
        assert len(api.get(URL).json()["results"]) == 1


@pytest.fixture
def reads():
    """How often anything was read that a replica could serve."""

    def count() -> float:
        return sum(sample.value for sample in metrics.READS.collect()[0].samples if sample.name == "app_reads_total")

    return count


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = timedelta(days=1).total_seconds()

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(authentication, "time", clock)
    return clock


@pytest.mark.parametrize("revoke", [lambda user: user.auth_token_set.get().delete(), lambda user: deactivate(user)])
def test_a_revoked_token_stops_within_five_seconds(user, api, clock, queries, revoke):
    assert api.get(URL).status_code == 200
    revoke(user)
    clock.now += 4.99
    with queries(0):
        api.get(URL)
    clock.now += 0.01
    assert api.get(URL).status_code == 401


def stops_within_five_seconds(api, clock, queries, take_away) -> bool:
    assert api.get(URL).status_code == 200
    take_away()
    clock.now += 4.99
    with queries(0):
        api.get(URL)
    clock.now += 0.01
    return api.get(URL).status_code == 403


def test_a_permission_that_is_taken_away_stops_within_five_seconds(user, api, clock, queries):
    assert stops_within_five_seconds(api, clock, queries, user.user_permissions.clear)


@pytest.mark.parametrize(
    "take_away",
    [lambda group: group.user_set.clear(), lambda group: group.permissions.clear(), lambda group: group.delete()],
)
def test_a_permission_of_a_group_stops_within_five_seconds(user, api, clock, queries, take_away):
    group = Group.objects.create(name="readers")
    group.permissions.set(user.user_permissions.all())
    user.groups.add(group)
    user.user_permissions.clear()
    assert stops_within_five_seconds(api, clock, queries, lambda: take_away(group))


def test_a_token_costs_no_query_while_nothing_is_written_but_one_every_thirty_seconds(user, clock, reads):
    token = token_of(user)
    check = authentication.CachedTokenAuthentication().authenticate_credentials
    asked = []
    for _ in range(13):
        before = reads()
        check(token)
        asked.append(reads() - before)
        clock.now += 5
    assert asked == [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]


def test_a_token_that_was_refused_is_not_taken_for_a_good_one_again(user, clock, monkeypatch):
    """Where Redis was away when it was revoked, and came back with the versions that it had."""
    key = token_of(user)
    check = authentication.CachedTokenAuthentication().authenticate_credentials
    check(key)
    with monkeypatch.context() as away:
        away.setattr(changes, "publish_written", lambda: None)
        away.setattr(authentication, "versions_of", lambda tables: None)
        user.auth_token_set.get().delete()
        clock.now += 6
        with pytest.raises(AuthenticationFailed):
            check(key)
    with pytest.raises(AuthenticationFailed):
        check(key)


def test_where_redis_did_not_hear_of_it_a_revoked_token_stops_within_thirty_seconds(user, api, clock, monkeypatch):
    assert api.get(URL).status_code == 200
    monkeypatch.setattr(changes, "publish_written", lambda: None)
    user.auth_token_set.get().delete()
    clock.now += 29.9
    assert api.get(URL).status_code == 200
    clock.now += 0.1
    assert api.get(URL).status_code == 401


def deactivate(user):
    user.is_active = False
    user.save()


def test_a_refused_token_is_not_remembered(user, clock):
    client = APIClient(HTTP_X_FORWARDED_PROTO="https")
    client.credentials(HTTP_AUTHORIZATION=f"Token {'0' * 40}")
    assert client.get(URL).status_code == 401
    Token(digest=hash_token("0" * 40), user=user).save()
    assert client.get(URL).status_code == 200


def test_what_a_request_does_to_its_user_is_its_own(user, clock):
    token = token_of(user)
    check = authentication.CachedTokenAuthentication().authenticate_credentials
    check(token)[0].username = "somebody else"
    assert check(token)[0].username == "ada"
