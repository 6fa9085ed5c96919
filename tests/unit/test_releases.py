"""What a release is made of, and what a host says of its releases."""

import json
import os
import subprocess
import sys
import tarfile

import pytest
import release_archive
import release_info

LOCK = """\
django==5.2.1 \\
    --hash=sha256:0000
gunicorn[gevent]==27.0.1 \\
    --hash=sha256:1111
"""
TARGET = {"python_version": "3.13", "platforms": ["manylinux_2_28_x86_64"]}


@pytest.fixture
def project(tmp_path):
    """A Django project with much that no host needs."""
    folder = tmp_path / "shop"
    files = {
        "manage.py": "#!/usr/bin/env python",
        "requirements.txt": LOCK,
        "config/wsgi.py": "application = None",
        "config/__pycache__/wsgi.cpython-313.pyc": "x",
        "config/old.pyc": "x",
        "shop/tests/test_views.py": "def test(): pass",
        ".env": "SECRET_KEY=x",
        ".venv/bin/python": "x",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "manage.py").chmod(0o700)
    return folder


@pytest.fixture
def wheels(monkeypatch):
    """Downloads that write one wheel; the list tells for which locks."""
    asked = []

    def download(lock, target, _version, _platforms):
        asked.append(lock)
        target.mkdir(exist_ok=True)
        (target / "django-5.2.1-py3-none-any.whl").write_text("wheel")

    monkeypatch.setattr(release_archive, "download", download)
    return asked


def build(project, cache, **options):
    return release_archive.build(project, cache / "releases", cache / "wheelhouse", **TARGET | options)


def test_an_archive_holds_source_and_wheels_and_nothing_else(project, wheels, tmp_path):
    _, archive, changed = build(project, tmp_path)
    with tarfile.open(archive) as tar:
        modes = {member.name: member.mode for member in tar}
    assert changed
    assert modes == {
        "app/config/wsgi.py": 0o644,
        "app/manage.py": 0o755,
        "app/requirements.txt": 0o644,
        "wheelhouse/django-5.2.1-py3-none-any.whl": 0o644,
    }


def test_the_same_content_gives_the_same_archive(project, wheels, tmp_path):
    first, first_archive, _ = build(project, tmp_path / "one")
    os.utime(project / "manage.py", (1, 1))
    (project / "config" / "new.pyc").write_text("y")
    second, second_archive, _ = build(project, tmp_path / "two")
    assert first == second
    assert first_archive.read_bytes() == second_archive.read_bytes()


@pytest.mark.parametrize("name", ["config/wsgi.py", "requirements.txt", "new.py"])
def test_other_content_is_another_release(project, wheels, tmp_path, name):
    first, _, _ = build(project, tmp_path)
    (project / name).write_text(LOCK + "# changed\n")
    assert build(project, tmp_path)[0] != first


def test_a_release_is_built_once(project, wheels, tmp_path):
    build(project, tmp_path)
    assert build(project, tmp_path)[2] is False
    assert len(wheels) == 1


def test_check_mode_builds_nothing(project, wheels, tmp_path):
    _, archive, changed = build(project, tmp_path, check=True)
    assert (changed, archive.exists(), wheels) == (True, False, [])


def test_a_project_outside_a_repository_has_releases_too(project, wheels, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    assert build(project, tmp_path)[0].startswith("tree-")


def test_what_pip_did_not_finish_is_no_wheelhouse(project, tmp_path, monkeypatch):
    def pip(_lock, target, *_):
        return [sys.executable, "-c", f"open(r'{target}/half.whl', 'w'); raise SystemExit('no network')"]

    monkeypatch.setattr(release_archive, "download_command", pip)
    with pytest.raises(release_archive.BuildError, match="no network"):
        build(project, tmp_path)
    assert [path.name for path in (tmp_path / "wheelhouse").glob("*/*")] == ["half.whl"]
    monkeypatch.setattr(release_archive, "download_command", lambda *_: [sys.executable, "-c", ""])
    with tarfile.open(build(project, tmp_path)[1]) as tar:
        assert "wheelhouse/half.whl" in tar.getnames(), "the next run goes on where it was interrupted"


def test_pip_takes_wheels_for_the_hosts_alone(tmp_path):
    command = release_archive.download_command(tmp_path / "lock", tmp_path, "3.13", ["manylinux_2_28_x86_64"])
    line = " ".join(command)
    for option in ("--no-deps", "--require-hashes", "--only-binary=:all:", "--python-version 3.13"):
        assert option in line
    assert "--abi cp313 --abi abi3 --abi none --platform manylinux_2_28_x86_64 --platform any" in line


def test_a_lock_without_what_runs_the_app_is_refused(project, wheels, tmp_path):
    with pytest.raises(release_archive.BuildError, match=r"does not lock gevent: add that to requirements\.in"):
        build(project, tmp_path, requires=["gunicorn", "gevent"])


def test_a_lock_without_hashes_is_refused(project, wheels, tmp_path):
    (project / "requirements.txt").write_text("django==5.2.1\n")
    with pytest.raises(release_archive.BuildError, match="has no hashes"):
        build(project, tmp_path)


def test_a_linked_directory_is_refused_rather_than_left_out(project, wheels, tmp_path):
    (project / "linked").symlink_to(project / "config")
    with pytest.raises(release_archive.BuildError, match="linked is a link"):
        build(project, tmp_path)


def test_a_bare_host_has_no_release(tmp_path):
    assert release_info.release_info(tmp_path / "shop") == {
        "live": "",
        "live_since": 0.0,
        "previous": "",
        "lock": {},
        "archives": [],
        "releases": [],
        "instances": {},
        "free_mb": 0,
    }


def test_what_is_unfinished_is_not_a_release(tmp_path):
    for name in ("releases/1-a", "releases/2-b.part", "archives", "instances"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "archives" / "1-a.tar.gz").touch()
    (tmp_path / "archives" / "2-b.tar.gz.part").touch()
    (tmp_path / "instances" / "1").symlink_to("../releases/1-a")
    (tmp_path / "live").write_text("1-a\n")
    os.utime(tmp_path / "live", (5, 5))
    said = release_info.release_info(tmp_path)
    assert said.pop("free_mb") > 0
    assert said == {
        "live": "1-a",
        "live_since": 5.0,
        "previous": "",
        "lock": {},
        "archives": ["1-a"],
        "releases": ["1-a"],
        "instances": {"1": "1-a"},
    }


def test_releases_are_told_in_the_order_in_which_they_came(tmp_path):
    for moment, name in enumerate(["9-z", "1-a", "5-b"]):
        (tmp_path / "releases" / name).mkdir(parents=True)
        os.utime(tmp_path / "releases" / name, (moment, moment))
    assert release_info.release_info(tmp_path)["releases"] == ["9-z", "1-a", "5-b"]


def test_the_release_before_and_who_is_at_it_are_told(tmp_path):
    (tmp_path / "previous").write_text("1-a\n")
    (tmp_path / "deploy.lock").write_text(json.dumps({"run": "x", "by": "ann@desk"}))
    said = release_info.release_info(tmp_path)
    assert (said["previous"], said["lock"]) == ("1-a", {"run": "x", "by": "ann@desk"})


@pytest.fixture
def repository(project):
    """The project, committed."""

    def git(*arguments):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=project, check=True, capture_output=True)

    (project / ".gitignore").write_text("secret.py\n")
    git("init")
    git("add", ".")
    git("commit", "--message", "x")
    return project


def test_a_committed_tree_is_built(repository, wheels, tmp_path):
    release, _, _ = build(repository, tmp_path, committed=True)
    assert release.startswith(release_archive.commit(repository))


@pytest.mark.parametrize("name", ["config/wsgi.py", "new.py", "secret.py"])
def test_a_tree_that_is_not_its_commit_needs_a_name(repository, wheels, tmp_path, name):
    (repository / name).write_text("changed")
    with pytest.raises(release_archive.BuildError, match=rf"says: {name}\. Commit that, or .* -e release_name=NAME"):
        build(repository, tmp_path, committed=True)
    assert build(repository, tmp_path, committed=True, name="try")[0].startswith("try-")


def test_a_file_that_was_removed_is_a_change(repository, wheels, tmp_path):
    (repository / "config" / "wsgi.py").unlink()
    with pytest.raises(release_archive.BuildError, match=r"config/wsgi\.py"):
        build(repository, tmp_path, committed=True)


def test_what_is_no_part_of_a_release_may_change(repository, wheels, tmp_path):
    (repository / "shop" / "tests" / "test_views.py").write_text("changed")
    (repository / ".env").write_text("changed")
    build(repository, tmp_path, committed=True)


def test_a_project_outside_a_repository_needs_a_name(project, wheels, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(release_archive.BuildError, match=r"has no commit: .* -e release_name=NAME"):
        build(project, tmp_path, committed=True)
