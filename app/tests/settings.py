"""The production settings, with what tests need. Where PostgreSQL and Redis are comes from the environment."""

import os

os.environ.setdefault("SECRET_KEY", "0123456789abcdefghijklmnopqrstuvwxyz-only-for-the-tests")
os.environ.setdefault("ALLOWED_HOSTS", "testserver")

from config.settings import *  # noqa: F403
from config.settings import CACHES, DATABASES, REST_FRAMEWORK, STORAGES

DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
# Within the prefix that the Redis user is limited to; each database and each process of tests has its own.
CACHES["default"]["KEY_PREFIX"] = ":".join(
    ["customers:tests", DATABASES["default"]["NAME"], os.environ.get("PYTEST_XDIST_WORKER", "alone")]
)
REST_FRAMEWORK["TEST_REQUEST_DEFAULT_FORMAT"] = "json"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Pages are rendered without collecting the static files first.
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"

# Nothing is remembered and nothing read from replicas, except where a test is about that.
ANSWER_SECONDS = TOKEN_SECONDS = USER_REQUESTS_PER_MINUTE = 0
REPLICA_READS_OFF_FILE = __file__
