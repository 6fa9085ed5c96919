"""Logs go to standard output, one JSON object a line."""

import json
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from config.middleware import is_unavailable
from serving.context import current
from serving.error_text import report, summary


class JsonFormatter(logging.Formatter):
    """Exceptions are written without the values that their messages quote: see serving.error_text."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message(record),
        }
        if serving := current.get():
            line["request_id"] = serving.request_id
        line |= getattr(record, "details", {})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = exception(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=text)


def message(record: logging.LogRecord) -> str:
    if record.name.startswith("django.security."):
        # Django logs the text of the exception, which quotes headers.
        return f"refused: {record.name.removeprefix('django.security.')}"
    if isinstance(record.args, Mapping):
        arguments = {name: harmless(value) for name, value in record.args.items()}
    else:
        arguments = tuple(map(harmless, record.args or ()))
    template = str(harmless(record.msg))
    return template % arguments if arguments else template


def exception(error: BaseException) -> str:
    # A database that is away is no fault of the code: its reason says more than where it was met.
    return summary(error) if is_unavailable(error) else report(error)


def harmless(value: object) -> object:
    return summary(value) if isinstance(value, BaseException) else value


def text(value: object) -> str:
    return str(harmless(value))


def log_failed_thread(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value and failure.exc_type is not SystemExit:
        logging.getLogger("threading").error("a thread has failed", exc_info=failure.exc_value)


def configuration(level: str) -> dict:
    # Logging would print the arguments of a record that it can't format, and Python the message of an exception.
    logging.raiseExceptions = False
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = log_failed_thread
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            # Django would hand errors to mail_admins and, with DEBUG, to a second handler of its own.
            "django": {"handlers": [], "level": level, "propagate": True},
            # Four lines for each login.
            "axes": {"level": "WARNING"},
            # At DEBUG it logs the parameters of statements.
            "django.db.backends": {"level": "INFO" if level == "DEBUG" else level},
        },
    }
