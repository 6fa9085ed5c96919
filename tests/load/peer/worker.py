"""uvicorn below gunicorn, as fast as it gets, with the TLS that gunicorn is configured for."""

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {"loop": "uvloop", "http": "httptools", "access_log": False, "lifespan": "on"}

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.config.ssl_context_factory = lambda _, default: self.cfg.ssl_context(self.cfg, default)
