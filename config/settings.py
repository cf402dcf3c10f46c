"""Every setting, read once from the environment; `.env.example` explains each variable."""

from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environ import Env

from config import engines

django_stubs_ext.monkeypatch()  # ModelAdmin[Job] and its like must work at run time, too

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()
Env.read_env(BASE_DIR / ".env", overwrite=False)

# --- where things are ---------------------------------------------------------------------------

DATA_DIR = Path(env.str("DATA_DIR", default="") or BASE_DIR / ".data").resolve()
MODEL_DIR = Path(env.str("MODEL_DIR", default="") or DATA_DIR / "models").resolve()
CACHE_DIR = DATA_DIR / "cache"

# --- security -----------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)


def _development_secret() -> str:
    """One random key per data folder, so that a newcomer's sessions survive a restart."""
    path = DATA_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


SECRET_KEY = env.str("SECRET_KEY", default="") or (_development_secret() if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "Set SECRET_KEY; or, on a developer's machine, DEBUG=1. See .env.example."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("HTTPS", default=not DEBUG)

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a load balancer asks in the clear
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# The __Host- prefix makes the browser refuse the cookie from a subdomain; it needs HTTPS.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
# A long label must reach the form, which answers with a sentence; pictures are capped by the form,
# and every body by config.asgi.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
MAX_BODY_BYTES = 12 * 1024 * 1024

# --- what the site is made of -------------------------------------------------------------------

INSTALLED_APPS = [
    "inference",
    "accounts",
    "catalog",
    "allauth",
    "allauth.account",
    "django_htmx",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sitemaps",
    "django.contrib.staticfiles",
    "django.forms",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.headers.ContentSecurityPolicy",
    "config.refusals.Refusals",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "inference.context.workers",
            ],
        },
    }
]

# --- PostgreSQL and Valkey ----------------------------------------------------------------------

DATABASE_URL = env.str("DATABASE_URL", default="") or engines.postgres_url(DATA_DIR)
DATABASES = {"default": Env.db_url_config(DATABASE_URL)}
# A socket's folder comes as an option; `manage.py dbshell` only knows HOST.
_options = DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["HOST"] = _options.pop("host", "") or DATABASES["default"]["HOST"]
_options.update(
    # Under ASGI each request runs in its own thread context: a pool serves them, not one
    # connection per thread. A stuck query must not hold a request for ever.
    {
        "pool": {
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", default=12),
            "timeout": 3,
        },
        "connect_timeout": 3,
        "options": "-c statement_timeout=15000 -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000",
    }
)
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="") or engines.valkey_url(DATA_DIR)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
        "KEY_PREFIX": "gigarouter",
    }
}


def _broker(url: str) -> str:
    """Celery spells a Valkey behind a unix socket its own way."""
    return f"redis+socket://{urlsplit(url).path}" if url.startswith("unix:") else url


# --- Celery: it wakes, routes and scales; the job table is the queue of record ------------------

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="") or _broker(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "house"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_throttle": 1,
    # A broker that hangs must not hang a visitor. Workers wait for messages a second at a time.
    "socket_timeout": 3,
    "socket_connect_timeout": 2,
}
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "inference.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "tidy": {"task": "inference.tasks.tidy", "schedule": 300.0, "options": {"expires": 300}},
}

# --- inference ----------------------------------------------------------------------------------

# What `make run` starts a worker for: repos separated by commas, or "auto": the stand-in and every
# model whose weights are on this machine.
WORKER_MODELS = env.str("MODELS", default="auto")
SERVE_REPOS = env.list("SERVE_REPOS", default=[])  # what `manage.py run_worker` settled on
WORKER_DEVICE = env.str("DEVICE", default="cpu")
WORKER_THREADS = env.int("WORKER_THREADS", default=0)  # 0: torch chooses
BATCH_IMAGES = env.int("BATCH_IMAGES", default=16)
PLAYGROUND_JOBS_PER_HOUR_SESSION = env.int("PLAYGROUND_JOBS_PER_HOUR_SESSION", default=60)
PLAYGROUND_JOBS_PER_HOUR_ADDRESS = env.int("PLAYGROUND_JOBS_PER_HOUR_ADDRESS", default=120)
PLAYGROUND_KEEP_HOURS = env.int("PLAYGROUND_KEEP_HOURS", default=24)

# --- people -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_REDIRECT_URL = "/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="gigarouter <hello@localhost>")
vars().update(Env.email_url_config(env.str("EMAIL_URL", default="") or "consolemail://"))

# --- files --------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    # Uploaded pictures: never served by address, only by a view that knows the owner.
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": MEDIA_ROOT, "base_url": None, "file_permissions_mode": 0o600},
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# --- language, time, logs -----------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"event": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Each request is already in uvicorn's access log.
        "django.request": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},
    },
}
