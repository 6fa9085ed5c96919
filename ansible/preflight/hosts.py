"""What the hosts of this run said of themselves, or that they did not."""

import re

DISTRIBUTION = ("Debian", "13")
# Free space (MB) that a tier needs on a host which has not been set up yet, and one that has for its next packages.
DISK_MB = {
    "/": {"": 1024},
    "/var/lib": {"postgres": 2048, "etcd": 1024, "": 256},
    "/opt": {"app": 512, "": 0},
}
DISK_LEFT_MB = 256
# What ssh or sudo says, and what helps.
REMEDIES = {
    "Permission denied": "let ansible_user in by your public key, by ssh-copy-id",
    "Host key verification failed": "compare its key and accept it, by ssh {host}",
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "compare its key; if it is right, ssh-keygen -R {host} and ssh {host}",
    "Could not resolve": "correct its name, or give it an ansible_host",
    "sudo": "add -K for sudo's password, or let ansible_user use sudo without one",
    "python3": "install python3 on it",
}


def reachable(inventory):
    """Every host of this run can be talked to, as root."""
    looked_at = inventory.answers("__preflight_host")
    for host, facts in inventory.answers("__preflight_facts").items():
        answer = looked_at.get(host, {}) if facts.get("ansible_facts") else facts
        if "authority" not in answer:
            said = str(answer.get("module_stderr") or answer.get("msg") or "no reason given").strip()
            reason = re.sub(r".*over ssh: |.*via ssh: |^Task failed: ", "", said.splitlines()[-1]).rstrip(".")
            what = "can't be reached" if answer.get("unreachable") else "can't be looked at"
            yield f"{host} {what}, {reason}: {remedy(host, said)}, or go on without it by --limit 'all:!{host}'"


def remedy(host, said):
    """What to type or do about a host that does not answer."""
    helps = next((advice for symptom, advice in REMEDIES.items() if symptom.lower() in said.lower()), None)
    return (helps or "see that it is up and that ssh {host} works").format(host=host)


def release(inventory):
    """Packages, versions and paths are those of one release of Debian."""
    for host in inventory.hosts:
        facts = inventory.facts(host)
        has = tuple(str(facts.get(f"distribution{part}")) for part in ("", "_major_version"))
        if facts.get("distribution") and has != DISTRIBUTION:
            runs = f"{facts['distribution']} {facts.get('distribution_version', '')}".strip()
            yield f"{host} runs {runs}, and the stack needs {' '.join(DISTRIBUTION)}: install that"


def removed(inventory):
    """Nobody comes back by mistake."""
    for host, answer in inventory.answers("__preflight_host").items():
        if answer.get("removed"):
            yield (
                f"{host} was removed from the cluster and is still in the inventory: delete it there, or, to take it "
                "back as a new host, delete /etc/pergola/removed on it"
            )


def disk(inventory):
    """There is room for what is to be installed, or for the next of it."""
    for host, answer in inventory.answers("__preflight_host").items():
        tiers = inventory.tiers(host)
        for path, free in answer.get("free_mb", {}).items():
            sizes = DISK_MB[path]
            needs = DISK_LEFT_MB if answer.get("authority") else sizes[""] + sum(sizes.get(tier, 0) for tier in tiers)
            if free < needs:
                yield f"{host} has {free} MB left in {path} and needs {needs} MB: make room, or give it a larger disk"
