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


@pytest.fixture(scope="module")
def log_in(page, failures):
    """As the administrator that `make up` made."""
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(variables("secrets.yml")["secrets_apps"]["customers"]["admin_password"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    page.screenshot(path=REPORTS / "admin-start.png")


def search(page, term):
    """The rows that the admin finds."""
    page.goto("/admin/customers/customer/")
    page.locator("#searchbar").fill(term)
    page.get_by_role("button", name="Search").click()
    return page.locator("#result_list tbody tr")


def change_city(page, row, city):
    """Open a customer, write another city and save; the city before."""
    row.locator("th a").click()
    before = page.locator("#id_city").input_value()
    page.locator("#id_city").fill(city)
    page.screenshot(path=REPORTS / "admin-customer.png")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    return before


def test_an_administrator_finds_a_name_with_an_accent_edits_it_and_sees_it(page, log_in, failures):
    row = search(page, "müller").first
    expect(row.locator("th")).to_contain_text("Müller")
    page.screenshot(path=REPORTS / "admin-search.png")
    email = row.locator("td.field-email").inner_text()
    expect(search(page, "muller").first.locator("td.field-email")).to_have_text(email)

    before = change_city(page, search(page, email).first, "Łódź am Bœuf")
    rows = search(page, email)
    expect(rows).to_have_count(1)
    expect(rows.first.locator("td.field-city")).to_have_text("Łódź am Bœuf")
    page.screenshot(path=REPORTS / "admin-edited.png")
    change_city(page, rows.first, before)
    assert failures == []
