"""Which database a read goes to. Here the replica is the same database by another connection; how a real one that lags
is treated, tests/infra shows."""

from uuid import uuid4

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connections, transaction
from prometheus_client import REGISTRY
from psycopg_pool import PoolClosed, PoolTimeout

from customers.models import Customer
from serving import changes, redis, routing
from serving.changes import Position
from serving.context import Serving, current
from serving.models import Timeline

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "replica"])
URL = "/api/customers/"
NEVER_REPLAYED = "SELECT $1 < 0 OR $2 < 0"


@pytest.fixture(autouse=True)
def replicas(settings, tmp_path):
    """Switched on, with a part of Redis that no other test has written to, in which a floor is laid."""
    settings.REPLICA_READS_OFF_FILE = str(tmp_path / "off")
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": f"customers:tests:{uuid4().hex}"}}
    changes.required([])


@pytest.fixture
def reads():
    """How often a read went to a database for a reason since the test began."""

    def count(database: str, reason: str) -> float:
        labels = {"database": database, "reason": reason}
        return REGISTRY.get_sample_value("app_reads_total", labels) or 0

    reasons = [
        ("replica", "replayed"),
        ("primary", "switched_off"),
        ("primary", "position_unknown"),
        ("primary", "replica_behind"),
        ("primary", "replica_failed"),
    ]
    before = {reason: count(*reason) for reason in reasons}
    return lambda: {reason: count(*reason) - before[reason] for reason in reasons if count(*reason) > before[reason]}


def where() -> str:
    return Customer.objects.all().db


def where_read() -> str:
    Customer.objects.exists()
    return where()


@pytest.fixture
def as_user(rf):
    """Has what follows done by a user, as a request would."""

    def as_user(user) -> None:
        request = rf.get("/")
        request.user = user
        current.set(Serving(request, "test"))

    yield as_user
    current.set(None)


def test_a_read_that_depends_on_nothing_goes_to_a_replica(reads):
    assert routing.read(where) == "replica"
    assert where() == "default"
    assert reads() == {("replica", "replayed"): 1}


@pytest.mark.parametrize("database", ["replica", "default"])
def test_who_has_read_holds_no_connection(database, tmp_path):
    if database == "default":
        (tmp_path / "off").touch()
    assert routing.read(lambda: (where_read(), connections[database].connection is not None)) == (database, True)
    assert connections[database].connection is None


def test_who_reads_in_a_transaction_stays_in_it(make, tmp_path):
    (tmp_path / "off").touch()
    with transaction.atomic():
        customer = make()
        assert routing.read(lambda: Customer.objects.filter(pk=customer.pk).exists())
    assert Customer.objects.filter(pk=customer.pk).exists()


def test_where_commits_wait_for_the_disk_readers_wait_for_nothing_that_may_die_with_the_primary(make):
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        make()  # in memory so far
        known = changes.position()
        cursor.execute("SELECT %s <= pg_current_wal_flush_lsn() - '0/0'", [known.at])
        assert cursor.fetchone()[0]


def test_each_statement_is_in_one_transaction_with_the_question_whether_the_replica_knows_enough(reads):
    def read() -> bool:
        with connections["replica"].cursor() as cursor:
            # Alone it would begin its transaction itself.
            cursor.execute("SELECT transaction_timestamp() < statement_timestamp()")
            return cursor.fetchone()[0]

    assert [routing.read(lambda: (read(), read())), read()] == [(True, True), False]
    assert not connections["replica"].in_atomic_block
    assert reads() == {("replica", "replayed"): 1}


def test_what_a_replica_is_asked_is_prepared_whatever_the_position(reads):
    def read() -> list:
        with connections["replica"].cursor() as cursor:
            for _ in range(10):
                cursor.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%%replay_lsn%%'")
            return cursor.fetchall()

    assert routing.read(read) == [(routing.REPLAYED,)]


def test_a_list_over_http_is_read_there_token_and_all(api, make, reads):
    make()
    assert len(api.get(URL).json()["results"]) == 1
    assert reads() == {("replica", "replayed"): 2}


def test_a_write_is_never_sent_there(api, reads):
    response = api.post(URL, {"first_name": "Ann", "last_name": "Lee", "email": "ann@example.com"})
    assert response.status_code == 201
    assert routing.read(lambda: routing.Router().db_for_write(Customer)) == "default"


def test_whoever_wrote_is_sent_to_the_primary_until_it_is_replayed(user, as_user, make, monkeypatch, reads):
    as_user(user)
    before = changes.required([changes.member_of_user(user.pk)])
    make()
    after = changes.required([changes.member_of_user(user.pk)])
    assert after > before
    asked = []
    real = routing.read_replica
    monkeypatch.setattr(routing, "read_replica", lambda produce, at: asked.append(at) or real(produce, at))
    monkeypatch.setattr(routing, "REPLAYED", NEVER_REPLAYED)
    assert routing.read(where_read) == "default"
    assert asked == [after]
    assert reads() == {("primary", "replica_behind"): 1}


def test_others_need_not_wait_for_that(user, as_user, make):
    as_user(user)
    other = changes.member_of_user(User.objects.create(username="other").pk)
    before = changes.required([other])
    make()
    assert changes.required([other]) == before
    assert changes.required(["table:customers_customer"]) > before


def test_positions_never_go_back():
    timeline, floor = changes.required([])
    changes.publish([], ["user:1"], Position(timeline, floor + 200))
    changes.publish([], ["user:1"], Position(timeline, floor + 100))
    assert changes.required(["user:1"]) == (timeline, floor + 200)
    changes.publish([], ["user:1"], Position(timeline + 2, 100))
    changes.publish([], ["user:1"], Position(timeline + 1, 200))
    assert changes.required(["user:1"]) == (timeline + 2, floor + 200)


def test_a_replica_without_the_timeline_that_was_written_in_has_replayed_nothing_of_it(make, reads):
    """As a primary that died, and came back further than the one that took over."""
    make()
    timeline, floor = changes.required([])
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT number FROM serving_timeline")
        assert cursor.fetchall() == [(timeline,)]
    changes.publish([], ["user:1"], Position(timeline + 1, floor))
    assert routing.read(where_read) == "default"
    assert reads() == {("primary", "replica_behind"): 1}


def test_the_first_write_in_a_timeline_leaves_its_number_before_others_hear_of_it(make):
    make()
    Timeline.objects.update(number=0)
    changes._timeline = 0  # as another process, or this one before the primary was lost
    make()
    assert Timeline.objects.get().number == changes.required([]).timeline > 0
    Timeline.objects.update(number=10**6)
    changes._timeline = 0
    make()
    assert Timeline.objects.get().number == changes.required([]).timeline  # the data may be another cluster's


def test_a_redis_that_lost_its_memory_sends_everybody_to_the_primary_once(user, as_user, make, reads):
    as_user(user)
    make()
    wrote = changes.required([changes.member_of_user(user.pk)])
    redis.connection().delete(changes.positions_key())
    assert routing.read(where) == "default"
    assert routing.read(where) == "replica"
    assert changes.required([]) >= wrote
    assert reads() == {("primary", "position_unknown"): 1, ("replica", "replayed"): 1}


def test_a_floor_is_not_laid_into_a_set_that_was_lost_meanwhile(monkeypatch):
    redis.connection().delete(changes.positions_key())
    real = changes.position

    def lost():
        changes.publish([], ["user:1"], real())
        redis.connection().delete(changes.positions_key())
        return real()

    monkeypatch.setattr(changes, "position", lost)
    assert changes.required([]) is None
    assert not redis.connection().exists(changes.positions_key())


def test_without_redis_everybody_reads_from_the_primary(settings, reads):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://customers@127.0.0.1:1/0"}}
    assert routing.read(where) == "default"
    assert reads() == {("primary", "position_unknown"): 1}


def test_a_write_that_redis_did_not_hear_of_keeps_its_process_off_the_replicas(user, as_user, make, settings):
    as_user(user)
    known = settings.CACHES
    settings.CACHES = {"default": {**known["default"], "LOCATION": "redis://customers@127.0.0.1:1/0"}}
    make()
    wrote = max(position for position in changes._unpublished.values())
    assert routing.read(where) == "default"
    settings.CACHES = known
    redis.breaker.failed = 0
    assert changes.required([changes.member_of_user(user.pk)]).at == wrote
    assert not changes._unpublished


def test_a_commit_at_an_unknown_position_makes_redis_forget(make, monkeypatch):
    def fail():
        raise OperationalError

    monkeypatch.setattr(changes, "position", fail)
    make()
    assert not redis.connection().exists(changes.positions_key())
    assert changes._unpublished == {}


def test_a_commit_while_an_earlier_one_is_told_of_is_told_of_as_well(monkeypatch):
    announce = changes.announce

    def meanwhile(*arguments):
        monkeypatch.setattr(changes, "announce", announce)
        changes._outdated["customers"] = object()
        return announce(*arguments)

    monkeypatch.setattr(changes, "announce", meanwhile)
    assert changes.publish(["customers"], [], None)
    assert list(changes._outdated) == ["customers"]
    assert changes.catch_up()
    assert not changes._outdated


def test_many_writes_of_one_transaction_are_published_once(make, monkeypatch):
    published = []
    monkeypatch.setattr(changes, "publish", lambda tables, *_: published.append(set(tables)))
    with transaction.atomic():
        for _ in range(3):
            make()
        User.objects.create(username="x")
        assert published == []
    assert published == [{"customers_customer", "auth_user"}]


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ('INSERT INTO "a" ("x") VALUES (%s) ON CONFLICT DO UPDATE SET x = 1', ["a"]),
        ("  update only b set x = 1", ["b"]),
        ('DELETE FROM "c" WHERE x IN (SELECT x FROM "d")', ["c"]),
        ("TRUNCATE TABLE e", ["e"]),
        ('WITH f AS (INSERT INTO "g" VALUES (1)) DELETE FROM h', ["g", "h"]),
        ('SELECT * FROM "i" FOR UPDATE', []),
        ("SAVEPOINT s", []),
        ("MERGE INTO j USING k ON j.x = k.x WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN DELETE", ["j"]),
        ("UPDATE public.l SET x = 1", ["l"]),
        ('INSERT INTO "public"."m" VALUES (1)', ["m"]),
        ('INSERT INTO "public" . "N""n" VALUES (1)', ['N"n']),
        ("DELETE FROM ONLY public.o", ["o"]),
        ("TRUNCATE p, ONLY public.q, r *, s CASCADE", ["p", "q", "r", "s"]),
        ("COPY public.t (x) FROM STDIN", ["t"]),
        ("COPY t (x) TO STDOUT", []),
        ("COPY (DELETE FROM u RETURNING x) TO STDOUT", ["u"]),
        ("SELECT x INTO TEMP v FROM w", ["v"]),
        ("CREATE TABLE IF NOT EXISTS v AS SELECT 1", ["v"]),
        ("CREATE TABLE v (x int)", []),
        ("/* why */ -- and how\n UPDATE /* which */ w SET x = 1", ["w"]),
        ("UPDATE x SET y = 1; DELETE FROM z;", ["x", "z"]),
        ("SELECT 1; UPDATE x SET y = 1", ["x"]),
        ("SELECT '; DELETE FROM x', 'INTO y'", []),
        ("EXPLAIN ANALYZE UPDATE x SET y = 1", ["x"]),
        ("UPDATE x SET y = 'DELETE FROM z; --'", ["x"]),
        ("SELECT x FROM y; SELECT x FROM y FOR NO KEY UPDATE NOWAIT", []),
        ("(SELECT 1) UNION (SELECT 2)", []),
        ("WITH x AS (SELECT 1) SELECT 'UPDATE y' FROM x FOR UPDATE OF x", []),
        ("CREATE INDEX x ON y (z)", []),
        ("SET LOCAL lock_timeout = '1s'", []),
        ("", []),
    ],
)
def test_what_a_statement_writes_to(sql, tables):
    assert list(changes.written(sql)) == tables


@pytest.mark.parametrize(
    "sql", ["CALL p()", "DO $$BEGIN DELETE FROM x; END$$", "EXECUTE p", "SELECT 1; CALL p()", "EXPERIMENT"]
)
def test_a_statement_that_may_write_anything_outdates_every_table(sql):
    assert {"customers_customer", "auth_user", "auth_user_groups"} <= set(changes.written(sql))


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("couldn't get a connection after 5 sec"),
        InterfaceError("connection already closed"),
        psycopg.OperationalError("the connection is lost"),
        psycopg.InterfaceError("the cursor is closed"),
        PoolTimeout("no connection"),
        PoolClosed("the pool is closed"),
        RuntimeError("cannot start new thread"),
    ],
)
def test_a_commit_whose_position_fails_is_published_and_raises_nothing(make, monkeypatch, error):
    def fail():
        raise error

    version = changes.versions(["customers_customer"])
    monkeypatch.setattr(changes, "position", fail)
    make()
    assert changes.versions(["customers_customer"]) != version
    assert Customer.objects.count() == 1


def test_a_commit_that_redis_refuses_for_any_reason_is_kept_and_raises_nothing(make, monkeypatch):
    def fail(*_):
        raise RuntimeError("the pool is closed")

    with monkeypatch.context() as broken:
        broken.setattr(changes, "announce", fail)
        make()
    assert "customers_customer" in changes._outdated
    assert changes.catch_up()


@pytest.mark.parametrize("error", [OperationalError("server closed the connection"), InterfaceError("closed")])
def test_a_replica_that_fails_is_replaced_by_the_primary(reads, error):
    def produce():
        if where() == "replica":
            raise error
        return where()

    assert routing.read(produce) == "default"
    assert reads() == {("primary", "replica_failed"): 1}


def test_what_takes_too_long_is_not_done_twice(reads):
    def produce():
        raise OperationalError("statement timeout") from psycopg.errors.QueryCanceled()

    with pytest.raises(OperationalError):
        routing.read(produce)
    assert reads() == {}


def test_the_switch_works_at_once_with_and_without_redis(tmp_path, settings, reads):
    (tmp_path / "off").touch()
    assert routing.read(where) == "default"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://customers@127.0.0.1:1/0"}}
    assert routing.read(where) == "default"
    assert redis.breaker.failed == 0
    (tmp_path / "off").unlink()
    assert reads() == {("primary", "switched_off"): 2}


def test_both_names_are_one_database():
    router = routing.Router()
    assert router.allow_relation(Customer(), User())
    assert router.allow_migrate("default", "customers")
    assert not router.allow_migrate("replica", "customers")
