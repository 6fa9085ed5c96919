"""What every host has."""


def test_all_hosts_know_each_other(render):
    lines = render("common", "hosts.j2", "db1").splitlines()
    assert lines == [
        "10.9.8.21 app1",
        "10.9.8.22 app2",
        "10.9.8.41 cache1",
        "10.9.8.31 db1",
        "10.9.8.32 db2",
        "10.9.8.33 db3",
        "10.9.8.11 lb1",
        "10.9.8.12 lb2",
    ]


def test_app_hosts_find_postgresql_behind_their_own_router(render):
    assert "127.0.0.2 postgresql.pergola.internal" in render("common", "hosts.j2", "app1").splitlines()
    assert "postgresql.pergola.internal" not in render("common", "hosts.j2", "lb1")


def test_packages_stay_within_what_the_stack_was_made_for(render):
    text = render("common", "preferences.j2")
    assert "Package: postgresql-17 postgresql-client-17\nPin: version 17.*\nPin-Priority: 990\n" in text
    assert "Pin: release n=/^trixie(-updates|-security)?$/" in text


def test_administrators_are_nobody_unless_named(render):
    assert "NOPASSWD" not in render("common", "sudoers.j2")
    text = render("common", "sudoers.j2", common_administrators=[{"name": "ada", "key": "ssh-ed25519 AAAA"}])
    assert "ada ALL=(ALL:ALL) NOPASSWD: ALL" in text
    assert "AAAA" not in text
