# shellcheck shell=bash
# What this machine is like, and podman run accordingly. Sourced by lab/lab, which sets `state` and calls these.
# Only what the machine lacks is changed, and never outside the lab: the settings are in a file of the lab's own, and
# where the machine has no cgroup2, podman lives in a mount namespace that has it.

namespace=/run/pergola-lab/mnt

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Write standard input to FILE, in one step and only where it differs.
write() { # write FILE [MODE]
  local new
  new=$(mktemp "${state:?}/new.XXXXXX")
  cat > "$new"
  chmod "${2:-0644}" "$new"
  if cmp -s "$new" "$1"; then rm -f "$new"; else mv -f "$new" "$1"; fi
}

machine_has_cgroup2() { [ "$(stat -fc %T /sys/fs/cgroup 2>/dev/null)" = cgroup2fs ]; }
machine_has_systemd() { [ -d /run/systemd/system ]; }
machine_has_cap_sys_resource() { # bit 24 of what root may hold here
  local bounding
  bounding=$(awk '/^CapBnd/ {print $2}' /proc/self/status)
  (( (0x$bounding >> 24) & 1 ))
}
machine_has_pids_controller() { with_cgroup2 grep -qw pids /sys/fs/cgroup/cgroup.controllers; }
machine_memory_mb() { awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo; }
machine_storage() { # the file system under podman's images
  local path=/var/lib/containers
  as_root test -d $path || path=/var/lib
  as_root stat -fc %T $path
}

# Made once per boot of the machine; a file that is no mount point is what an earlier boot left behind.
make_namespace() {
  grep -qw cgroup2 /proc/filesystems || die 'this kernel has no cgroup2, which systemd in containers needs'
  # shellcheck disable=SC2016 # expanded there
  as_root flock /run/lock bash -c '
    set -e
    mountpoint -q "$1" && exit
    directory=$(dirname "$1")
    mkdir -p "$directory"
    if ! mountpoint -q "$directory"; then
      mount --bind "$directory" "$directory"
      mount --make-private "$directory"
    fi
    : > "$1"
    unshare --mount="$1" --propagation private \
      sh -c "umount -R -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup"' - "$namespace"
}

with_cgroup2() {
  if machine_has_cgroup2; then
    as_root "$@"
  else
    mountpoint -q "$namespace" || make_namespace
    as_root nsenter --mount="$namespace" --wd="$PWD" "$@"
  fi
}

hard_limit() { # hard_limit FLAG MOST: soft:hard for podman, within what root has here
  local limit
  limit=$(as_root bash -c "ulimit -H$1")
  if [ "$limit" = unlimited ] || [ "$limit" -gt "$2" ]; then limit=$2; fi
  echo "$limit:$limit"
}

podman_settings() {
  echo '[containers]'
  if ! machine_has_cap_sys_resource; then
    echo "default_ulimits = [\"nofile=$(hard_limit n 20000)\", \"nproc=$(hard_limit u 32000)\"]"
  fi
  machine_has_pids_controller || echo 'pids_limit = 0'
  echo '[engine]'
  if ! machine_has_cgroup2 || ! machine_has_systemd; then echo 'cgroup_manager = "cgroupfs"'; fi
  machine_has_systemd || echo 'events_logger = "file"'
  # crun raises limits above what root may have here, and fails.
  machine_has_cap_sys_resource || echo 'runtime = "runc"'
  echo '[network]'
  echo 'network_backend = "netavark"'
  # Rules of nftables' own would not open what another program's iptables close.
  [ "$(podman --version | grep -o '[0-9]*' | head -n 1)" -lt 5 ] || echo 'firewall_driver = "iptables"'
}

# Where /run outlives a boot, podman believes its containers still run. Without this file it looks again.
forget_earlier_boot() {
  local alive=/run/libpod/alive booted
  booted=$(awk '/^btime/ {print $2}' /proc/stat)
  if [ "$(as_root stat -c %Y $alive 2>/dev/null || echo "$booted")" -lt "$booted" ] && ! pgrep -x conmon >/dev/null; then
    as_root rm -f $alive
  fi
}

# Seven for every systemd: the usual 128, which root's processes share, are used up by two labs.
raise_inotify_limit() {
  local limit=/proc/sys/fs/inotify/max_user_instances
  [ "$(cat $limit)" -lt 1024 ] || return 0
  say 'raising fs.inotify.max_user_instances to 1024 until this machine boots again'
  echo 1024 | as_root tee $limit >/dev/null
}

prepare_machine() {
  command -v podman >/dev/null || die 'podman is missing: type make bootstrap'
  [ "$(id -u)" = 0 ] || sudo true # asks for the password once, here
  mkdir -p "${state:?}"
  forget_earlier_boot
  podman_settings | write "${state:?}/containers.conf"
}

lab_podman() {
  with_cgroup2 env CONTAINERS_CONF="${state:?}/containers.conf" PATH="$PATH:/usr/sbin:/sbin" podman "$@"
}
