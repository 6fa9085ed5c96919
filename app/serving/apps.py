import atexit
import sys

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from psycopg import Connection
from psycopg_pool import ConnectionPool

from serving.context import current


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        atexit.register(flush)
        connection_created.connect(watch, dispatch_uid="serving")
        # Of a connection that a pool is about to hand out. Django lets nobody choose another check.
        ConnectionPool.check_connection = staticmethod(check)
        if "gevent.monkey" in sys.modules:
            from serving import waiting

            waiting.install()


def flush() -> None:
    from serving import changes

    changes.flush()


def check(connection: Connection) -> None:
    """Raises OperationalError if the other side has closed it. To ask the server would cost each request its time, and
    PgBouncer, which is on this host, has closed what is of no use any more."""
    for _ in range(2):  # the first may read what it said before
        connection.pgconn.consume_input()


def watch(connection, **_) -> None:
    """Whenever a connection is opened, or taken from the pool."""
    from serving import changes, observation, routing

    wrappers = [observation.time_query, changes.notice]
    if connection.alias == routing.REPLICA:
        wrappers.append(routing.check_replayed)
    for wrapper in wrappers:
        if wrapper not in connection.execute_wrappers:
            connection.execute_wrappers.append(wrapper)
    if serving := current.get():
        serving.databases.add(connection.alias)
