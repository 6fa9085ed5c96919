"""Sizes of each tier, derived from memory and processors alone, so that --limit changes nothing.

All memory is in MB (MiB). Every result is the default of one role variable, which overrides it.
"""

from ansible.errors import AnsibleFilterError

SYSTEM_MB = 256  # kernel, systemd, sshd, journald and page cache that no tier may count on
MEMORY_STEP_MB = 64  # what a kernel claims for itself differs by a few MB from boot to boot

# What a tier needs to work at all (MB), and its part of what is left over once every tier has that.
TIERS = {
    "postgres": {"minimum": 384, "weight": 6},
    "app": {"minimum": 384, "weight": 4},
    "redis": {"minimum": 64, "weight": 3},
    "monitoring": {"minimum": 256, "weight": 2},
    "etcd": {"minimum": 128, "weight": 1},
    "loadbalancer": {"minimum": 64, "weight": 1},
    "backup": {"minimum": 64, "weight": 1},
}

GUNICORN_MASTER_MB = 40  # one per instance
GUNICORN_WORKER_MB = 120  # a Django process under load


def _integer(value, name, minimum=1):
    """`value` as an integer; an error that says `name` when it is none or below `minimum`."""
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise AnsibleFilterError(f"{name} must be a whole number, not {value!r}") from None
    if number < minimum:
        raise AnsibleFilterError(f"{name} must be at least {minimum}, not {number}")
    return number


def _round_down(value, step):
    return int(value) // step * step


def tier_memory_mb(host_memory_mb, group_names, tier):
    """The part of a host's memory that one tier may use.

    The system's reserve comes off first, then each tier on the host gets its minimum and a weighted part of the rest;
    the parts of all tiers never add up to more than the host has.

    host_memory_mb: memory of the host (MB), rounded down to whole steps of 64 MB so that a reboot resizes nothing
    group_names:    the groups that the host is in; those that are no tier are ignored
    tier:           the group to size, one of group_names
    returns:        MB, at least the tier's minimum
    raises:         AnsibleFilterError when the host is too small for its tiers, or the tier is not on it
    """
    tiers = sorted(TIERS.keys() & set(group_names))
    if tier not in tiers:
        raise AnsibleFilterError(f"{tier!r} is not a tier of this host, which has {', '.join(tiers) or 'none'}")
    memory = _round_down(_integer(host_memory_mb, "host_memory_mb"), MEMORY_STEP_MB)
    spare = memory - SYSTEM_MB - sum(TIERS[name]["minimum"] for name in tiers)
    if spare < 0:
        needs = [f"system {SYSTEM_MB}"] + [f"{name} {TIERS[name]['minimum']}" for name in tiers]
        raise AnsibleFilterError(
            f"the host has {memory} MB and needs {memory - spare} MB ({' + '.join(needs)}): "
            "give it more memory or take it out of a group"
        )
    weights = sum(TIERS[name]["weight"] for name in tiers)
    return TIERS[tier]["minimum"] + spare * TIERS[tier]["weight"] // weights


def shared_buffers_mb(memory_mb):
    """PostgreSQL's shared_buffers: a quarter of the tier's memory (MB), in steps of 16 MB."""
    return max(64, _round_down(_integer(memory_mb, "memory") * 0.25, 16))


def effective_cache_size_mb(memory_mb):
    """PostgreSQL's effective_cache_size: three quarters of the tier's memory (MB), in steps of 16 MB."""
    return max(128, _round_down(_integer(memory_mb, "memory") * 0.75, 16))


def work_mem_mb(memory_mb, max_connections):
    """PostgreSQL's work_mem: half of the tier's memory over all sessions (MB), from 4 (its own default) to 64."""
    share = _integer(memory_mb, "memory") // 2 // _integer(max_connections, "max_connections")
    return min(64, max(4, share))


def maintenance_work_mem_mb(memory_mb):
    """PostgreSQL's maintenance_work_mem: a sixteenth of the tier's memory (MB), from 32 to 1024."""
    return min(1024, max(32, _round_down(_integer(memory_mb, "memory") / 16, 16)))


def redis_maxmemory_mb(memory_mb):
    """Redis' maxmemory: 60 % of the tier's memory (MB); the rest is for client buffers and fragmentation."""
    return max(32, _round_down(_integer(memory_mb, "memory") * 0.6, 16))


def gunicorn_workers(cpus, instances, memory_mb):
    """Workers of each gunicorn instance: one for each processor, over all instances, if memory allows.

    cpus:      processors of the host
    instances: gunicorn instances of the app on the host
    memory_mb: what the app may use on the host (MB), shared among its instances
    returns:   workers per instance, at least 1
    raises:    AnsibleFilterError when not even one worker per instance fits
    """
    instances = _integer(instances, "instances")
    wanted = -(-_integer(cpus, "cpus") // instances)
    memory = _integer(memory_mb, "memory")
    fitting = (memory // instances - GUNICORN_MASTER_MB) // GUNICORN_WORKER_MB
    if fitting < 1:
        needed = instances * (GUNICORN_MASTER_MB + GUNICORN_WORKER_MB)
        raise AnsibleFilterError(
            f"{instances} instances need {needed} MB (each {GUNICORN_MASTER_MB} + {GUNICORN_WORKER_MB} per worker) "
            f"and the app has {memory} MB on this host: lower cluster_app_instances or give the host more memory"
        )
    return min(wanted, fitting)


class FilterModule:
    """Filters for role defaults."""

    def filters(self):
        """Name each public function."""
        return {
            "tier_memory_mb": tier_memory_mb,
            "shared_buffers_mb": shared_buffers_mb,
            "effective_cache_size_mb": effective_cache_size_mb,
            "work_mem_mb": work_mem_mb,
            "maintenance_work_mem_mb": maintenance_work_mem_mb,
            "redis_maxmemory_mb": redis_maxmemory_mb,
            "gunicorn_workers": gunicorn_workers,
        }
