"""Which host may leave the cluster for good."""

TIERS = ("app", "etcd", "loadbalancer", "postgres", "redis")


def removal_faults(node, groups, primary):
    """Why a host may not be removed.

    node:    its name, or "" if none was given
    groups:  Ansible's groups
    primary: the host that is the primary now, or "" if none says so
    returns: messages, each with what to do; none if it may go
    """
    hosts = sorted(groups["cluster"])
    if node not in hosts:
        what = f"{node} is no host of this inventory" if node else "which host is to be removed was not said"
        return [f"{what}: type NODE= (or -e node=) and one of {', '.join(hosts)}"]
    faults = [
        f"{node} is the only host of {tier}: add another one to the inventory and run site.yml first"
        for tier in TIERS
        if groups.get(tier) == [node]
    ]
    databases = groups.get("postgres", [])
    if node in databases and not primary:
        faults.append(f"no database host says that it is the primary, and {node} might be: see make status")
    if node == primary and len(databases) > 1:
        faults.append(f"{node} is the primary: let another host be it first, by make switchover")
    if node in databases and len(databases) == 2:
        faults.append(
            f"{node} is one of the last two database hosts, and commits would be in one place alone: "
            "add another one to the inventory and run site.yml first"
        )
    return faults


class FilterModule:
    """Filters for ansible/playbooks/remove_node.yml."""

    def filters(self):
        """Name each public function."""
        return {"removal_faults": removal_faults}
