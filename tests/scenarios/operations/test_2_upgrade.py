"""Debian has newer packages of the services; they are installed and take over, host by host, under load."""

import types

import pytest
from probe import Bound, Probe, Settings, record
from scenarios.cluster import leader, states
from toolbox import eventually, name_of

# Requests under way on connections to the shared address, when it moves with nginx's restart: twenty at most, twice.
BOUND = Bound(failed=40, gap_s=5)
PACE = Settings(reads_per_second=120, writes_per_second=10)
PACKAGES = {
    "postgres": ["postgresql-17"],
    "app": ["pgbouncer"],
    "redis": ["redis-tools", "redis-server"],
    "loadbalancer": ["nginx"],
}
SERVICES = {"postgres": "patroni", "app": "pgbouncer", "redis": "redis-server", "loadbalancer": "nginx"}
# The package as Debian has it, under a higher version, in a repository of files.
REPACKAGE = r"""
set -eu
mkdir -p /srv/newer && cd /srv/newer
for package in {packages}; do
  apt-get -qq download "$package"
  dpkg-deb --raw-extract "$package"_*.deb tree
  sed -i -E '/^Version:/s/$/+newer/; s/redis-tools \(= [^)]*/&+newer/' tree/DEBIAN/control
  rm "$package"_*.deb
  dpkg-deb --build -Znone tree "$package.deb" > /dev/null
  rm -r tree
done
for file in *.deb; do
  dpkg-deb --field "$file"
  printf 'Filename: ./%s\nSize: %s\n' "$file" "$(stat -c %s "$file")"
  printf 'SHA256: %s\n\n' "$(sha256sum "$file" | cut -d' ' -f1)"
done > Packages
echo 'deb [trusted=yes] file:/srv/newer ./' > /etc/apt/sources.list.d/newer.list
"""


def installed(host, tier):
    """Versions of the tier's packages."""
    return host.check_output(f"dpkg-query --show --showformat='${{Version}}\\n' {' '.join(PACKAGES[tier])}").split()


def process(host, tier):
    """The main process of the tier's service."""
    return host.check_output(f"systemctl show --property=MainPID --value {SERVICES[tier]}")


@pytest.fixture(scope="module")
def story(hosts, visitors, verb):
    """What was before and after."""
    places = [(name_of(host), tier) for tier in PACKAGES for host in hosts(tier)]
    for name, tier in places:
        hosts(name)[0].check_output(REPACKAGE.format(packages=" ".join(PACKAGES[tier])))
    told = types.SimpleNamespace(places=places)
    told.before = {place: process(hosts(place[0])[0], place[1]) for place in places}
    with Probe(visitors, PACE) as probe:
        assert probe.answered(5)
        told.upgraded = verb("upgrade")()
        assert probe.answered(5)
    told.report = probe.report
    told.after = {place: process(hosts(place[0])[0], place[1]) for place in places}
    return told


def test_the_newer_versions_run(story, hosts):
    for name, tier in story.places:
        assert all(version.endswith("+newer") for version in installed(hosts(name)[0], tier)), name
    assert not set(story.before.values()) & set(story.after.values())
    for host in hosts("postgres"):
        assert "(deleted)" not in host.check_output("readlink /proc/$(pgrep -o postgres)/exe")


def test_the_cluster_is_well(story, hosts):
    assert leader(hosts)
    assert eventually(lambda: states(hosts) == ["running", "streaming", "streaming"], seconds=60), states(hosts)


def test_a_second_time_there_is_nothing_to_do(story, verb):
    assert verb("upgrade")().changed == {}


def test_nobody_noticed(story):
    assert record("newer packages of every tier", [story.report], BOUND), str(story.report)
