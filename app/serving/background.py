import threading
from collections.abc import Callable


def in_background(act: Callable[[], object]) -> None:
    """Run a function beside the requests: in a greenlet where gevent serves them, else in a thread."""
    threading.Thread(target=act, daemon=True).start()
