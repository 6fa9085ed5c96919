"""The production settings, with what tests need. Where PostgreSQL and Redis are comes from the environment."""

import os

os.environ.setdefault("SECRET_KEY", "0123456789abcdefghijklmnopqrstuvwxyz-only-for-the-tests")
os.environ.setdefault("ALLOWED_HOSTS", "testserver")

from config.settings import *  # noqa: E402, F403
from config.settings import CACHES, DATABASES, STORAGES  # noqa: E402

DATABASES["replica"]["TEST"] = {"MIRROR": "default"}
CACHES["default"]["KEY_PREFIX"] = "customers-tests"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Pages are rendered without collecting the static files first.
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
