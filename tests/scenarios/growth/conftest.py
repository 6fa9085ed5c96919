"""The cluster as it was before it grew."""

import pytest
from scenarios.lab import ROOT
from scenarios.playbook import Playbook

BEFORE = ROOT / "molecule" / "growth" / "before"


@pytest.fixture(scope="session")
def small_site():
    """site.yml for some of the hosts; the shared address takes two load balancers."""
    return Playbook(BEFORE, "--extra-vars", "cluster_virtual_address=")
