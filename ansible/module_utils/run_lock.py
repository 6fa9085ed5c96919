"""A lock that one run has: what its file says."""

import json


def read(path):
    """The record in a lock; of none, an empty one. What can't be read is somebody's nevertheless."""
    if not path.exists():
        return {}
    try:
        record = json.loads(path.read_text())
    except ValueError:
        record = None
    return record if isinstance(record, dict) and "run" in record else {"run": "unknown"}
