from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ServingConfig(AppConfig):
    name = "serving"

    def ready(self) -> None:
        from serving import observation

        connection_created.connect(observation.watch, dispatch_uid="observation")
