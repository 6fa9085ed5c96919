#!/usr/bin/python
"""Build a release of a Django project: one archive with its source and every wheel that it needs."""

import fcntl
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
---
module: release_archive
short_description: Build a release archive of a Django project
description:
  - Runs on the controller. Downloads the wheels that the project's C(requirements.txt) locks, for the Python and the
    platforms of the hosts, and packs them with the source into one archive.
  - The same content gives the same archive, byte by byte, and the same release id.
  - Hidden files, tests, caches and compiled files are left out.
  - Wheels are kept by the lock's hash. What an interrupted run downloaded is used by the next one.
options:
  source:
    description: The Django project, with C(manage.py) and C(requirements.txt).
    type: path
    required: true
  destination:
    description: The directory of the archives.
    type: path
    required: true
  wheelhouse:
    description: The directory of the wheels, one subdirectory per lock.
    type: path
    required: true
  python_version:
    description: Python of the hosts.
    type: str
    required: true
  platforms:
    description: Platform tags that the hosts accept, besides C(any).
    type: list
    elements: str
    required: true
  requires:
    description: Distributions that the lock must name.
    type: list
    elements: str
    default: []
  name:
    description: What the release id begins with, rather than the commit.
    type: str
    default: ""
  committed:
    description: Refuse a source that is not what its commit says, unless the release has a C(name).
    type: bool
    default: false
author:
  - Pergola
"""

EXAMPLES = """
- name: Build the release
  release_archive:
    source: shop
    destination: .cache/releases
    wheelhouse: .cache/wheelhouse
    python_version: "3.13"
    platforms: [manylinux_2_28_x86_64]
  delegate_to: localhost
"""

RETURN = """
release:
  description: The release id, the commit or the name and a hash of the content.
  type: str
  returned: always
archive:
  description: The archive.
  type: str
  returned: always
size_mb:
  description: Its size; 0 in check mode, where it may not be there.
  type: int
  returned: always
"""

LEFT_OUT = {"tests", "node_modules", "__pycache__"}
LEFT_OUT_SUFFIXES = {".pyc", ".pyo"}


class BuildError(Exception):
    """The project can't be built; the message says what to do."""


def belongs(name):
    """Whether a file, by its path inside the project, is part of a release."""
    *folders, file = Path(name).parts
    hidden = any(part.startswith(".") for part in (*folders, file))
    return not (hidden or LEFT_OUT.intersection(folders) or Path(file).suffix in LEFT_OUT_SUFFIXES)


def source_files(source):
    """The files that belong to a release, by their path inside the project, sorted."""
    found = {}
    for folder, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not (name.startswith(".") or name in LEFT_OUT)]
        for name in folders:
            if Path(folder, name).is_symlink():
                raise BuildError(f"{Path(folder, name)} is a link to a directory: make it a directory")
        for name in files:
            path = Path(folder, name)
            if belongs(name):
                found[path.relative_to(source).as_posix()] = path
    return dict(sorted(found.items()))


def _mode(path):
    return 0o755 if path.stat().st_mode & 0o100 else 0o644


def digest(*parts):
    """A hash over byte strings, each with its length so that they can't run into each other."""
    total = hashlib.sha256()
    for part in parts:
        total.update(b"%d:" % len(part))
        total.update(part)
    return total.hexdigest()


def check_lock(lock, requires):
    """Refuse a lock that can't be installed with hashes or that lacks something."""
    text = lock.read_text()
    if "--hash=" not in text:
        raise BuildError(f"{lock} has no hashes: write it with uv pip compile --generate-hashes")
    locked = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==", text, re.MULTILINE)
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in locked}
    missing = sorted(set(requires) - names)
    if missing:
        raise BuildError(f"{lock} does not lock {', '.join(missing)}: add that to requirements.in and lock again")


def git(source, *arguments):
    """What git says of the source, or None where there is no commit."""
    command = ["git", "-C", str(source), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return done.stdout if done and done.returncode == 0 else None


def commit(source):
    """The commit of the tree in seven letters, or `tree` where there is none."""
    return (git(source, "rev-parse", "--short=7", "HEAD") or "tree").strip()[:7]


def uncommitted(source):
    """The files of a release that are not as the commit has them."""
    changed = git(source, "diff", "--name-only", "--relative", "-z", "HEAD", "--", ".")
    if changed is None:
        return sorted(source_files(source))
    tracked = git(source, "ls-files", "-z", "--", ".").split("\0")
    unknown = source_files(source).keys() - set(tracked)
    return sorted(unknown | {name for name in changed.split("\0") if name and belongs(name)})


def check_committed(source):
    """Refuse a working tree that nobody could get back."""
    files = uncommitted(source)
    if files and git(source, "rev-parse", "HEAD") is None:
        raise BuildError(f"{source} has no commit: make one, or give the release a name: -e release_name=NAME")
    if files:
        shown = ", ".join(files[:5]) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        raise BuildError(
            f"{source} is not what its commit says: {shown}. Commit that, or give the release a name: "
            "-e release_name=NAME"
        )


def release_id(source, wheels_hash, name=""):
    """What identifies the content: the commit or a name for people, the hash for machines."""
    parts = [wheels_hash.encode()]
    for file, path in source_files(source).items():
        parts += [file.encode(), b"%o" % _mode(path), path.read_bytes()]
    return f"{name or commit(source)}-{digest(*parts)[:8]}"


def download_command(lock, target, python_version, platforms):
    """Pip evaluates markers for the Python that runs it, so the lock is taken as it is, without dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--python-version", python_version, "--implementation", "cp"]
    for abi in (f"cp{python_version.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    for platform in [*platforms, "any"]:
        command += ["--platform", platform]
    return [*command, "--requirement", str(lock), "--dest", str(target)]


def download(lock, target, python_version, platforms):
    """Fill the wheelhouse `target`, which exists only once it is complete."""
    if target.is_dir():
        return
    unfinished = target.with_name(f"{target.name}.part")
    unfinished.mkdir(exist_ok=True)
    command = download_command(lock, unfinished, python_version, platforms)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"Wheels for {lock} could not be downloaded: {(done.stderr or done.stdout).strip()[-1500:]}")
    unfinished.rename(target)


def pack(archive, members):
    """Write {name in the archive: path} as a gzipped tar that depends on names, contents and x bits alone."""
    unfinished = archive.with_name(f"{archive.name}.part")
    with (
        unfinished.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.size = path.stat().st_size
            member.mode = _mode(path)
            with path.open("rb") as content:
                tar.addfile(member, content)
    unfinished.replace(archive)


def build(
    source, destination, wheelhouse, python_version, platforms, requires=(), name="", committed=False, check=False
):
    """Build the release unless its archive is there; returns (release id, archive, whether it was not there)."""
    lock = source / "requirements.txt"
    for path in (source / "manage.py", lock):
        if not path.is_file():
            raise BuildError(f"There is no {path}")
    check_lock(lock, requires)
    if committed and not name:
        check_committed(source)
    wheels_hash = digest(lock.read_bytes(), python_version.encode(), *(item.encode() for item in platforms))[:16]
    release = release_id(source, wheels_hash, name)
    archive = destination / f"{release}.tar.gz"
    missing = not archive.exists()
    if missing and not check:
        destination.mkdir(parents=True, exist_ok=True)
        wheelhouse.mkdir(parents=True, exist_ok=True)
        with (wheelhouse / ".lock").open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)  # two clusters may be built from one checkout at the same time
            wheels = wheelhouse / wheels_hash
            download(lock, wheels, python_version, platforms)
            members = {f"app/{name}": path for name, path in source_files(source).items()}
            pack(archive, members | {f"wheelhouse/{path.name}": path for path in wheels.iterdir()})
    return release, archive, missing


def main():
    """Answer Ansible."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "destination": {"type": "path", "required": True},
            "wheelhouse": {"type": "path", "required": True},
            "python_version": {"type": "str", "required": True},
            "platforms": {"type": "list", "elements": "str", "required": True},
            "requires": {"type": "list", "elements": "str", "default": []},
            "name": {"type": "str", "default": ""},
            "committed": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        paths = {name: Path(module.params.pop(name)) for name in ("source", "destination", "wheelhouse")}
        release, archive, changed = build(check=module.check_mode, **paths, **module.params)
    except (BuildError, OSError) as error:
        module.fail_json(msg=str(error))
    size = archive.stat().st_size >> 20 if archive.exists() else 0
    module.exit_json(changed=changed, release=release, archive=str(archive), size_mb=size)


if __name__ == "__main__":
    main()
