"""What went wrong, in the words of whatever failed."""

import re

LINES = 15
# PostgreSQL's lines about an error; they quote values.
DETAILS = ("DETAIL:", "HINT:", "CONTEXT:", "LINE ")


def failure_reason(result):
    """Why a task failed.

    result:  what the task returned; of a loop, its first failure counts
    returns: lines, of which the first says it in short
    """
    if "results" in result:
        failed = [item for item in result["results"] if item.get("failed")]
        return failure_reason(failed[0]) if failed else str(result.get("msg", ""))
    said = (result.get("stderr") or result.get("stdout") or "").strip().splitlines()
    if "rc" in result and said:
        command = result.get("cmd", "")
        command = " ".join(command) if isinstance(command, list) else command
        return "\n".join([f"{last_line(said)} ({command})", *said[-LINES:]])
    return str(result.get("msg", "")).strip()


def last_line(said):
    """The last line; of a database error its first one, which says what is wrong."""
    details = [number for number, line in enumerate(said) if line.startswith(DETAILS)]
    while details and details[-1] - 1 in details:
        details.pop()
    return said[max(0, details[-1] - 1)] if details else said[-1]


def without_quotations(text):
    """A failure as it may be kept in a log: what is quoted may be a value of a row."""
    return re.sub(r"\"[^\"]*\"|'[^']*'", "'…'", text)


class FilterModule:
    """Filters of playbooks that say themselves why they stopped."""

    def filters(self):
        """Name each public function."""
        return {"failure_reason": failure_reason, "without_quotations": without_quotations}
