"""The front door."""

import re

import pytest


@pytest.fixture(scope="module")
def nginx(render):
    return render("nginx", "nginx.conf.j2", "lb1")


def directives(text, name):
    return re.findall(rf"^\s*{name} ([^;{{]+);", text, re.MULTILINE)


def blocks(text, name):
    """The text of each block `name ... { }`, inner blocks included."""
    found = []
    for match in re.finditer(rf"^\s*{name}\b[^;{{}}]*\{{", text, re.MULTILINE):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found.append(text[match.start() : end])
    return found


def test_braces_are_balanced(nginx):
    assert nginx.count("{") == nginx.count("}")


def test_all_instances_of_all_app_hosts_serve(nginx):
    [upstream] = blocks(nginx, "upstream")
    instances = ["app1:8001", "app1:8002", "app2:8001", "app2:8002"]
    assert re.findall(r"server (\S+) max_fails=3 fail_timeout=5s;", upstream) == instances
    # Those that look dead are asked all the same when there is nobody else.
    assert re.findall(r"server (\S+) max_fails=0 backup;", upstream) == instances
    for line in ("least_conn;", "zone customers 128k;", "keepalive 64;"):
        assert line in upstream


def test_plain_http_only_redirects(nginx):
    plain = [block for block in blocks(nginx, "server") if re.search(r"listen 80;", block)]
    assert len(plain) == 1
    assert "return 308 https://$host:8443$request_uri;" in plain[0]
    assert "proxy_pass" not in plain[0]


def test_the_usual_port_is_not_in_the_redirect(render):
    assert "return 308 https://$host$request_uri;" in render("nginx", "nginx.conf.j2", "lb1", cluster_public_port=443)


def test_the_door_is_tls_and_http2(nginx):
    [front] = [block for block in blocks(nginx, "server") if "proxy_pass" in block]
    assert "listen 443 ssl;" in front
    assert "http2 on;" in front
    assert "server_name localhost;" in front
    assert directives(nginx, "ssl_protocols") == ["TLSv1.2 TLSv1.3"]
    assert directives(nginx, "ssl_certificate") == ["/etc/pergola/tls/nginx.crt"]


def test_other_names_hear_nothing(nginx):
    [other] = [block for block in blocks(nginx, "server") if "default_server" in block]
    assert "return 444;" in other
    assert "proxy_pass" not in other


def test_both_sides_of_the_way_to_the_app_show_a_certificate(nginx):
    assert set(directives(nginx, "proxy_pass")) == {"https://customers"}
    assert directives(nginx, "proxy_ssl_verify") == ["on"]
    assert set(directives(nginx, "proxy_ssl_name")) == {"customers.pergola.internal"}
    assert directives(nginx, "proxy_ssl_certificate") == ["/etc/pergola/tls/nginx-upstream.crt"]


def test_headers_from_outside_are_replaced(nginx):
    headers = dict(value.split(" ", 1) for value in directives(nginx, "proxy_set_header"))
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["X-Forwarded-Proto"] == "$scheme"
    assert headers["X-Request-ID"] == "$request_id"
    assert headers["Host"] == "$http_host"
    assert "set_real_ip_from" not in nginx


def test_put_and_delete_are_not_repeated_once_they_were_sent(nginx):
    """test_nginx_running.py shows that they are not, and that nginx repeats neither POST nor PATCH by itself."""
    assert directives(nginx, "proxy_next_upstream") == ["error timeout http_502", "off"]
    assert "non_idempotent" not in nginx
    [once] = blocks(nginx, "location @once")
    assert directives(once, "proxy_next_upstream") == ["off"]
    passed = [block for block in blocks(nginx, "location") if "proxy_pass" in block and block != once]
    assert len(passed) == 2
    assert all("if ($is_sent_once) { return 418; }" in block for block in passed)


@pytest.mark.parametrize(("tries", "repeated"), [(1, None), (2, 0), (3, 1), (40, 6)])
def test_unsent_requests_are_tried_as_often_as_nginx_allows(render, tries, repeated):
    text = render("nginx", "nginx.conf.j2", "lb1", nginx_upstream_tries=tries)
    found = re.findall(r"\^0\( : 0\)\{0,(-?\d+)\}\$", text)
    assert found == ([] if repeated is None else [str(repeated)] * 2)


def test_a_dead_host_leaves_time_for_another_one(nginx, stack):
    """All of its instances may be tried first, each for the whole of what connecting may take."""
    seconds = {
        name: int(directives(nginx, f"proxy_{name}")[0].rstrip("s"))
        for name in ("connect_timeout", "next_upstream_timeout", "next_upstream_tries", "read_timeout")
    }
    instances = stack.variables.get_vars(host=stack.inventory.get_host("lb1"))["cluster_app_instances"]
    assert seconds["connect_timeout"] > 1, "a TLS handshake on a busy host takes longer"
    assert instances * seconds["connect_timeout"] < seconds["next_upstream_timeout"] < seconds["read_timeout"]
    assert seconds["next_upstream_tries"] > instances


def test_only_public_paths_have_a_cache(nginx, render):
    [cached] = [block for block in blocks(nginx, "location") if "proxy_cache " in block]
    assert "location /api/schema/ {" in cached
    assert nginx.count("proxy_cache public;") == 1
    apps = [{"name": "shop", "port": 8000}]
    assert "proxy_cache public;" not in render("nginx", "nginx.conf.j2", "lb1", cluster_apps=apps)


def test_what_is_kept_is_public_and_of_nobody(nginx):
    """Neither who has a token nor who has a cookie is answered from it, or has their answer put into it."""
    assert directives(nginx, "proxy_cache_bypass") == ["$http_authorization $http_cookie"]
    assert directives(nginx, "proxy_no_cache") == ["$http_authorization $http_cookie $is_not_public"]
    assert directives(nginx, "proxy_cache_key") == ["$scheme$host$request_uri"]
    assert directives(nginx, "proxy_cache_lock") == ["on"]
    assert "proxy_ignore_headers" not in nginx, "the app says for how long"
    assert "proxy_cache_valid" not in nginx


def test_what_is_kept_is_bounded(render):
    [path] = directives(render("nginx", "nginx.conf.j2", "lb1", nginx_cache_size="1g"), "proxy_cache_path")
    assert "max_size=1g" in path
    assert "keys_zone=public:1m" in path


def test_the_timeouts_are_a_chain(nginx, stack):
    read = int(directives(nginx, "proxy_read_timeout")[0].rstrip("s"))
    pool = int(stack.evaluate("app_pool_timeout", "app"))
    query = int(stack.evaluate("pgbouncer_query_wait_timeout", "pgbouncer"))
    assert 25 < pool < read
    assert 25 < query < read
    assert pool + query < read, "a request may wait for both"


def test_static_files_come_from_disk(nginx):
    [static] = [block for block in blocks(nginx, "location") if "/static/" in block]
    assert "root /var/www/customers;" in static
    assert "proxy_pass" not in static


def test_no_version_and_no_arguments_are_told(nginx):
    assert directives(nginx, "server_tokens") == ["off"]
    [log_format] = re.findall(r"log_format [^;]+;", nginx)
    assert "$request_uri" not in log_format
    assert "$args" not in log_format
    assert '$request"' not in log_format


def test_limits_can_be_turned_off(nginx, render):
    assert "limit_req_zone" in nginx
    unlimited = render(
        "nginx", "nginx.conf.j2", "lb1", nginx_requests_per_second=0, nginx_logins_per_minute=0, nginx_hsts_max_age=0
    )
    assert "limit_req " not in unlimited
    assert "limit_req_zone" not in unlimited
    assert "Strict-Transport-Security" not in unlimited


def test_proxies_in_front_are_believed_when_named(render):
    text = render("nginx", "nginx.conf.j2", "lb1", nginx_trusted_proxies=["192.0.2.0/24"])
    assert "set_real_ip_from 192.0.2.0/24;" in text
    assert "real_ip_header X-Forwarded-For;" in text


def test_two_apps_by_name(render):
    apps = [
        {"name": "shop", "port": 8000, "server_names": ["shop.example.com"]},
        {"name": "forum", "port": 8100, "server_names": ["forum.example.com"]},
    ]
    text = render("nginx", "nginx.conf.j2", "lb1", cluster_apps=apps)
    assert len(blocks(text, "upstream")) == 2
    assert "server app2:8102 " in text
    assert "server_name forum.example.com;" in text
    assert "customers" not in text


def test_the_master_keeps_what_it_needs_alone(render):
    lines = render("nginx", "nginx.service.j2").splitlines()
    [capabilities] = [line for line in lines if line.startswith("CapabilityBoundingSet=")]
    assert "CAP_NET_BIND_SERVICE" in capabilities
    assert "CAP_SYS_ADMIN" not in capabilities


def test_maintenance_is_a_file_that_is_looked_for_with_each_request(nginx):
    site = next(block for block in blocks(nginx, "server") if "location /static/" in block)
    assert "if (-f /var/lib/pergola/maintenance/customers) { return 503; }" in site
    assert "503 $maintenance" in directives(site, "error_page")
    for kind, page in (("json", "application/json"), ("page", "text/html")):
        assert '{ default @maintenance_json; "~*^page.*text/html" @maintenance_page; }' in nginx
        assert f"default_type {page};" in next(iter(blocks(site, f"location @maintenance_{kind}")))
    # Of what nginx answers itself alone; the app's own 503 has its own word for when to come again.
    [retry_after] = blocks(nginx, r"map \$status\$upstream_status \$add_retry_after")
    assert "503 60;" in retry_after
