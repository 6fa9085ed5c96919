"""A person in a real browser: logs in to the admin through the front door and finds a customer.

    make browser-test        the lab of `make up`; needs Debian's chromium

Leaves reports/admin-*.png behind.
"""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports"
INVENTORY = Path(os.environ.get("INVENTORY", ROOT / "inventories" / "lab")) / "group_vars" / "cluster"

# What Debian's chromium would otherwise ask the world for, and what a container does not let it do.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
]


def variables(file):
    """What one file of the inventory says."""
    return yaml.safe_load((INVENTORY / file).read_text())


@pytest.fixture(scope="module")
def page():
    """A page of the browser, which does not know the authority: tests/infra proves that its certificates are good."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(
            base_url=f"https://localhost:{variables('lab.yml')['lab_https_port']}",
            ignore_https_errors=True,
            viewport={"width": 1280, "height": 900},
        )
        yield context.new_page()
        browser.close()


@pytest.fixture(scope="module")
def failures(page):
    """Addresses of everything that the browser asked for in vain, styles and pictures included."""
    failed = []
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    page.on("requestfailed", lambda request: failed.append(request.url))
    return failed


def test_an_administrator_finds_a_customer(page, failures):
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(variables("secrets.yml")["secrets_apps"]["customers"]["admin_password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    page.screenshot(path=REPORTS / "admin-start.png")

    page.get_by_role("link", name="Customers", exact=True).last.click()
    rows = page.locator("#result_list tbody tr")
    expect(rows.first).to_be_visible()
    email = rows.first.locator("td.field-email").inner_text()
    page.locator("#searchbar").fill(email)
    page.get_by_role("button", name="Search").click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(email)
    page.screenshot(path=REPORTS / "admin-search.png")

    rows.first.locator("th a").click()
    expect(page.locator("#id_email")).to_have_value(email)
    page.screenshot(path=REPORTS / "admin-customer.png")
    assert failures == []
