from django.apps import AppConfig
from django.db.backends.signals import connection_created

from serving.context import current


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        connection_created.connect(watch, dispatch_uid="serving")


def watch(connection, **_) -> None:
    """Whenever a connection is opened, or taken from the pool."""
    from serving import changes, observation

    for wrapper in (observation.time_query, changes.notice):
        if wrapper not in connection.execute_wrappers:
            connection.execute_wrappers.append(wrapper)
    if serving := current.get():
        serving.databases.add(connection.alias)
