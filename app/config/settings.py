"""Settings. Everything that differs between machines comes from the environment; nothing unsafe is a default."""

from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from config import env, logs

# Resolved, so that a running process stays with its release when a link to that release is moved.
BASE_DIR = Path(__file__).resolve().parent.parent

# Who we are

RELEASE_ID = env.text("RELEASE_ID", "")
DEBUG = env.flag("DEBUG")
if DEBUG and RELEASE_ID:
    raise ImproperlyConfigured("DEBUG must not be 1 where RELEASE_ID names a release: it shows secrets to visitors.")

SECRET_KEY = env.text("SECRET_KEY")
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:
    raise ImproperlyConfigured("SECRET_KEY must be at least 50 random characters long.")
# What was signed with these stays valid, as sessions do when the key is changed.
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")

# A default that only a developer's machine can be reached by.
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1" if DEBUG else None)
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "axes",
    "knox",
    "accounts",
    "serving",
    "customers",
]

MIDDLEWARE = [
    "serving.observation.ObservationMiddleware",
    "config.middleware.PrivateByDefaultMiddleware",
    "config.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.DatabaseUnavailableMiddleware",
    "config.people.SessionMiddleware",
    "config.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.people.AuthenticationMiddleware",
    "config.people.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
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

# Databases


def database(name: str) -> dict:
    """One alias. Both go through the same PgBouncer, which decides which server is behind a name."""
    # What is sent apart from its parameters is prepared when it comes again and again; what Django sends never is.
    options: dict = {"connect_timeout": 5, "prepare_threshold": 5}
    for option, variable in [("sslmode", "DATABASE_SSLMODE"), ("sslrootcert", "DATABASE_SSLROOTCERT")]:
        if value := env.text(variable, ""):
            options[option] = value
    if milliseconds := env.integer("DATABASE_LOCK_TIMEOUT", 0):
        options["options"] = f"-c lock_timeout={milliseconds}"
    if pool_max := env.integer("DATABASE_POOL_MAX", 0):
        options["pool"] = {
            "min_size": env.integer("DATABASE_POOL_MIN", 0),
            "max_size": pool_max,
            "timeout": env.number("DATABASE_POOL_TIMEOUT", 30),
            # After a burst one connection that nobody needs is given back every so many seconds.
            "max_idle": 10,
            # Who comes when so many wait is told at once to come again.
            "max_waiting": env.integer("DATABASE_POOL_WAITING", 128),
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": env.text("DATABASE_HOST"),
        "PORT": env.text("DATABASE_PORT", ""),
        "NAME": name,
        "USER": env.text("DATABASE_USER"),
        "PASSWORD": env.text("DATABASE_PASSWORD", ""),
        # A pooled connection that PgBouncer has since closed is replaced before a request meets it.
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer in transaction mode may answer each transaction on another server session.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
    }


DATABASES = {
    "default": database(env.text("DATABASE_NAME")),
    "replica": database(env.text("DATABASE_REPLICA_NAME", env.text("DATABASE_NAME"))),
}

DATABASE_ROUTERS = ["serving.routing.Router"]
# As long as this file exists nothing is read from replicas.
REPLICA_READS_OFF_FILE = env.text("REPLICA_READS_OFF_FILE", "")

# Cache: it may be lost at any time, and is then left alone after three commands that cost 0.2 s each.

ANSWER_SECONDS = env.integer("ANSWER_SECONDS", 30)

if REDIS_URL := env.text("REDIS_URL", "" if DEBUG else None):
    REDIS_CA_FILE = env.text("REDIS_CA_FILE", "")
    CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": env.text("REDIS_KEY_PREFIX", "customers"),
            "OPTIONS": {
                # Not in the URL, which error messages quote.
                "PASSWORD": env.text("REDIS_PASSWORD", "") or None,
                "SOCKET_CONNECT_TIMEOUT": 0.2,
                "SOCKET_TIMEOUT": 0.2,
                "IGNORE_EXCEPTIONS": True,
                "REDIS_CLIENT_CLASS": "serving.redis.GuardedRedis",
                "CONNECTION_POOL_KWARGS": {
                    # redis-py would try three times more, and wait in between.
                    "retry": Retry(NoBackoff(), 0),
                    **({"ssl_ca_certs": REDIS_CA_FILE} if REDIS_CA_FILE else {}),
                },
            },
        },
    }

# People and programs

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# Django's default, with the first one in the place of its own PBKDF2PasswordHasher.
PASSWORD_HASHERS = [
    "accounts.hashers.ThreadedPBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]

# After so many failed logins of a user from an address, logins of that user from that address are refused for a while.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_CLIENT_IP_CALLABLE = "accounts.lockout.client_address"
AXES_LOCKOUT_CALLABLE = "accounts.lockout.refused"
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "serving.authentication.CachedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.ModelPermissions"],
    "DEFAULT_THROTTLE_CLASSES": ["serving.throttles.UserThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["config.renderers.JsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.renderers.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["config.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.handler",
}

# 0: without limit. Those named have none either, as a benchmark's user.
USER_REQUESTS_PER_MINUTE = env.integer("USER_REQUESTS_PER_MINUTE", 60_000)
UNTHROTTLED_USERS = env.words("UNTHROTTLED_USERS")

# Tokens for a password end after so many days, unless the request says otherwise.
API_TOKEN_DAYS = env.integer("API_TOKEN_DAYS", 30)
KNOX_TOKEN_MODEL = "accounts.Token"
# Its migrations would create the table of the model that ours replaces.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {"TOKEN_TTL": timedelta(days=API_TOKEN_DAYS)}

# What a revoked token goes on working for; ANSWER_SECONDS where Redis did not hear of that.
TOKEN_SECONDS = 5

SPECTACULAR_SETTINGS = {
    "TITLE": "Customers",
    "DESCRIPTION": "Send `Authorization: Token …`, which `POST /api/token/` hands out, or use a session of the admin.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SERVE_INCLUDE_SCHEMA": False,
    "ENFORCE_NON_BLANK_FIELDS": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.schema.describe_answers",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# Phone numbers without a country code are read as this country's (as in "DE"); unset, the code is required.
PHONE_REGION = env.text("PHONE_REGION", "") or None

# Patience: what takes longer is told in the log; a readiness check that takes longer has failed.

SLOW_REQUEST_SECONDS = env.number("SLOW_REQUEST_SECONDS", 0.5)
SLOW_QUERY_SECONDS = env.number("SLOW_QUERY_SECONDS", 0.1)
READINESS_SECONDS = 2

# Transport

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else env.integer("HSTS_SECONDS", 365 * 24 * 3600)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
CSRF_COOKIE_HTTPONLY = True

# Both speak for a whole domain (its subdomains, the browsers' preload lists), which only its owner can do.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# Texts, times, files, logs

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR.parent / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage."
        + ("StaticFilesStorage" if DEBUG else "ManifestStaticFilesStorage"),
    },
}

LOGGING = logs.configuration(env.text("LOG_LEVEL", "INFO").upper())
