"""Logs go to standard output, one JSON object a line."""

import json
import logging
from datetime import UTC, datetime

from config.middleware import is_unavailable
from serving.context import current


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if serving := current.get():
            line["request_id"] = serving.request_id
        line |= getattr(record, "details", {})
        if record.exc_info:
            # A database that is away is no fault of the code: its reason says more than where it was met.
            away = is_unavailable(record.exc_info[1])
            line["exception"] = str(record.exc_info[1]) if away else self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configuration(level: str) -> dict:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"handlers": ["stdout"], "level": level},
        # Django would hand errors to mail_admins and, with DEBUG, to a second handler of its own.
        "loggers": {"django": {"handlers": [], "level": level, "propagate": True}},
    }
