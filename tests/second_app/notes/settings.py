"""As little as an app needs here: see docs/bring-your-own-app.md."""

import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
RELEASE_ID = os.environ.get("RELEASE_ID", "")

INSTALLED_APPS = ["django.contrib.staticfiles", "notes"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "notes.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A direct session of the schema's owner has TLS and a lock timeout; the app's own ones go to PgBouncer by a socket.
OPTIONS = {
    "sslmode": os.environ.get("DATABASE_SSLMODE") or None,
    "sslrootcert": os.environ.get("DATABASE_SSLROOTCERT") or None,
}
if timeout := os.environ.get("DATABASE_LOCK_TIMEOUT"):
    OPTIONS["options"] = f"-c lock_timeout={timeout}"
if pool := int(os.environ.get("DATABASE_POOL_MAX", 0)):
    OPTIONS["pool"] = {"min_size": 1, "max_size": pool}

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DATABASE_HOST"],
        "PORT": os.environ["DATABASE_PORT"],
        "NAME": os.environ["DATABASE_NAME"],
        "USER": os.environ["DATABASE_USER"],
        "PASSWORD": os.environ.get("DATABASE_PASSWORD", ""),
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {name: value for name, value in OPTIONS.items() if value},
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
