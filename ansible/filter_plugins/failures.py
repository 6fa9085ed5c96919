"""What went wrong, in the words of whatever failed."""

LINES = 15


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
        return "\n".join([f"{said[-1]} ({command})", *said[-LINES:]])
    return str(result.get("msg", "")).strip()


class FilterModule:
    """The filter of playbooks that say themselves why they stopped."""

    def filters(self):
        """Name each public function."""
        return {"failure_reason": failure_reason}
