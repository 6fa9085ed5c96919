"""The slow app that the analysis describes: no pool, no cache, no index for searches, files served by Django.

What `techniques` needs is here too, and is used below /with/ alone.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = False
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "customers",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "customers.techniques.TechniqueMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def database(**options) -> dict:
    """Straight to the primary, past PgBouncer. Without a pool each request has a connection of its own."""
    for option, variable in [("sslmode", "DATABASE_SSLMODE"), ("sslrootcert", "DATABASE_SSLROOTCERT")]:
        if value := os.environ.get(variable):
            options[option] = value
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DATABASE_HOST"],
        "PORT": os.environ.get("DATABASE_PORT", ""),
        "NAME": os.environ["DATABASE_NAME"],
        "USER": os.environ["DATABASE_USER"],
        "PASSWORD": os.environ.get("DATABASE_PASSWORD", ""),
        "OPTIONS": options,
    }


DATABASES = {
    "default": database(),
    "pooled": database(pool={"min_size": 1, "max_size": 4}),
}
DATABASE_ROUTERS = ["customers.techniques.Router"]

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": os.environ["REDIS_URL"],
        "KEY_PREFIX": os.environ.get("REDIS_KEY_PREFIX", "naive"),
        "OPTIONS": {
            "PASSWORD": os.environ.get("REDIS_PASSWORD") or None,
            "CONNECTION_POOL_KWARGS": (
                {"ssl_ca_certs": os.environ["REDIS_CA_FILE"]} if os.environ.get("REDIS_CA_FILE") else {}
            ),
        },
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "PAGE_SIZE": 20,
}

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# Not /static/, which load balancers answer by themselves.
STATIC_URL = "/files/"
STATIC_ROOT = os.environ.get("STATIC_ROOT", str(BASE_DIR.parent / "static"))
