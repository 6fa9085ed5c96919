"""Secrets stay where they belong: in files of their owners, in no process list and in no log."""

testinfra_hosts = ["cluster"]

# What holds a secret, on hosts of a group; who may read it. Keys are in test_certificates.py.
REPLICAS_ONLY = "/var/lib/postgresql/.pgpass-patroni"  # and hosts that were one
FILES = {
    "postgres": {
        "/etc/patroni/config.yml": ("postgres", "postgres", 0o600),
        REPLICAS_ONLY: ("postgres", "postgres", 0o600),
    },
    "redis": {"/etc/redis/users.acl": ("root", "redis", 0o640)},
    "app": {
        "/etc/customers/app.env": ("root", "customers", 0o640),
        "/etc/customers/migrate.env": ("root", "root", 0o600),
        "/etc/customers/probe.key": ("root", "root", 0o600),
        "/etc/pgbouncer/users.txt": ("root", "postgres", 0o640),
    },
}


def leaked(secrets, text):
    """Names, and never values, of the secrets that are in a text."""
    assert len(secrets) >= 9
    return sorted(name for name, value in secrets.items() if value in text)


def test_their_files_are_closed_to_others(host, groups):
    for path, (user, group, mode) in (pair for name in groups for pair in FILES.get(name, {}).items()):
        file = host.file(path)
        if path == REPLICAS_ONLY and not file.exists:
            continue
        assert (file.user, file.group, file.mode) == (user, group, mode), path


def test_files_that_anybody_may_read_hold_none(host, secrets):
    places = "/etc /opt /usr/local /var/lib /var/www /var/log /run /tmp /var/tmp /root /home"
    find = (
        f"find {places} -xdev -type f -perm /o+r -size -256k "
        "-not -path '*/venv/*' -not -path '*/static/*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*'"
    )
    text = host.run(f"{find} -exec cat {{}} + 2>/dev/null").stdout_bytes.decode(errors="replace")
    assert "root:x:0:0" in text
    assert leaked(secrets, text) == []


def test_the_process_list_shows_none(host, secrets):
    text = host.check_output("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; true")
    assert "systemd" in text
    assert leaked(secrets, text) == []


def test_the_journal_holds_none(host, secrets):
    text = host.run("journalctl --no-pager --output=cat").stdout_bytes.decode(errors="replace")
    assert "Started" in text
    assert leaked(secrets, text) == []


def test_the_log_files_hold_none(host, secrets):
    text = host.run("find /var/log -type f -not -path '*/journal/*' -exec cat {} +").stdout_bytes.decode(
        errors="replace"
    )
    assert "status installed" in text
    assert leaked(secrets, text) == []
