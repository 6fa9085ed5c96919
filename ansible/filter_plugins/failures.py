"""What went wrong, in the words of whatever failed."""

import re

LINES = 15
# PostgreSQL's lines about an error; they quote values.
DETAILS = ("DETAIL:", "HINT:", "CONTEXT:", "LINE ")
EXCEPTION = re.compile(r"(?!DETAIL:|HINT:|CONTEXT:)[A-Za-z_][\w.]*: ")


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
    """The last line; of a database error, whose further lines quote values, the one that names the exception."""
    if any(line.startswith(DETAILS) for line in said):
        return next((line for line in reversed(said) if EXCEPTION.match(line)), said[0])
    return said[-1]


def without_quotations(text):
    """A failure as it may be kept in a log: what is quoted may be a value of a row."""
    return re.sub(r"\"[^\"]*\"|'[^']*'", "'…'", text)


class FilterModule:
    """Filters of playbooks that say themselves why they stopped."""

    def filters(self):
        """Name each public function."""
        return {"failure_reason": failure_reason, "without_quotations": without_quotations}
