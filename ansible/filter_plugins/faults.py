"""What is wrong with an inventory and its hosts: the door to ansible/preflight/."""

import sys
from pathlib import Path

# Ansible loads each filter file by itself, without a package around it.
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from preflight import inventory_faults


class FilterModule:
    """The filter of the preflight role."""

    def filters(self):
        """Name each public function."""
        return {"inventory_faults": inventory_faults}
