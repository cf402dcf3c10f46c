"""Every setting, read once from the environment; `.env.example` explains each variable."""

import ssl
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from environ import Env

from catalog.numbers.money import parse_usd
from config.broker import verified
from config.database import (
    NEVER_BY_ITSELF,
    KeepaliveConnection,
    as_options,
    is_command,
    is_web,
    time_limits,
)
from config.logging import logging_config
from config.strictness import (
    refuse_open_hosts,
    refuse_unreadable_networks,
    refuse_weak_secret,
)
from devserver import addresses, valkey

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
# The keys before this one, while what they have signed or sealed is still about.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
refuse_weak_secret(SECRET_KEY, is_development=DEBUG)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
refuse_open_hosts(ALLOWED_HOSTS, is_development=DEBUG)
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
HTTPS = env.bool("HTTPS", default=not DEBUG)


def _site_url() -> str:
    """Where links in mails lead: never taken from a request, whose Host header anybody can set."""
    if DEBUG:
        return f"http://127.0.0.1:{env.int('PORT', default=8000)}"
    host = ALLOWED_HOSTS[0].removeprefix(".") if ALLOWED_HOSTS else "localhost"
    return f"{'https' if HTTPS else 'http'}://{host}"


SITE_URL = (env.str("SITE_URL", default="") or _site_url()).rstrip("/")
if urlsplit(SITE_URL).scheme not in {"http", "https"}:
    raise ImproperlyConfigured(f"SITE_URL must begin with https:// or http://, not {SITE_URL!r}.")

SECURE_SSL_REDIRECT = HTTPS
# Prometheus asks in the clear, each process by itself; probes are answered before all else.
SECURE_REDIRECT_EXEMPT = [r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# To be on browsers' lists binds a domain and all below it for years: only who asks for it.
HSTS_PRELOAD = env.bool("HSTS_PRELOAD", default=False)
SECURE_HSTS_PRELOAD = HTTPS and HSTS_PRELOAD
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # it wants preloading of everybody
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# The __Host- prefix makes the browser refuse the cookie from a subdomain; it needs HTTPS.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
# In which browsers somebody has read the mail of an address (catalog.limits.known_browsers).
KNOWN_BROWSER_COOKIE_NAME = "__Host-browser" if HTTPS else "browser"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
# A long label must reach the form, which answers with a sentence; pictures are capped by the form,
# and every body by config.asgi.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
MAX_BODY_BYTES = 12 * 1024 * 1024

# Whose X-Forwarded-For, -Proto and -Host are believed (config.middleware.proxies).
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=["127.0.0.1", "::1"])
refuse_unreadable_networks(TRUSTED_PROXIES)
HTTP_CONNECTIONS = env.int("HTTP_CONNECTIONS", default=4000)
HTTP_CONNECTIONS_PER_ADDRESS = env.int("HTTP_CONNECTIONS_PER_ADDRESS", default=128)
HTTP_KEEP_ALIVE_S = env.int("HTTP_KEEP_ALIVE_S", default=20)
BODY_MIN_BYTES_PER_S = env.int("BODY_MIN_BYTES_PER_S", default=1000)

# --- what the site is made of -------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "inference",
    "accounts",
    "catalog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.usersessions",
    "django_htmx",
    "accounts.staff.apps.StaffAdminConfig",  # in place of django.contrib.admin
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
    "config.middleware.request_id.RequestId",
    "config.watching.http.NoteRoute",
    "config.middleware.headers.ContentSecurityPolicy",
    "config.middleware.probes.Probes",
    # Before all that asks for the host, the form or the cookies: it finds those that are broken.
    "config.middleware.errors.ErrorPages",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    # It lets pass what the browser itself says to come from a page of ours.
    "config.middleware.same_origin.SameOrigin",
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
# Templates in this folder come before ours of the same name, such as the operator's own terms.
_site_templates = env.str("SITE_TEMPLATES_DIR", default="")
SITE_TEMPLATES = [Path(_site_templates)] if _site_templates else []
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # A kind of job brings the template of its result.
        "DIRS": [*SITE_TEMPLATES, BASE_DIR / "templates", BASE_DIR / "inference" / "kinds"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "inference.fleet.context_processors.workers",
                "catalog.mail.inbox.address",
            ],
        },
    }
]
# What apps that build on the catalog add to a model's JSON: key -> a function of the card.
MODEL_JSON_SECTIONS = {"api": "inference.docs.how_to_call.as_json"}

# --- PostgreSQL and Valkey ----------------------------------------------------------------------

# PostgreSQL's own address where DATABASE_URL is that of PgBouncer. Web processes may be many; the
# others are few, and take sessions and time that PgBouncer is not there for.
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", default="")
IS_POOLED = bool(DATABASE_DIRECT_URL) and is_web(sys.argv)
IS_COMMAND = is_command(sys.argv)
# A page or a job must not wait for ever; a migration or a report may take its time.
PAGE_TIME_LIMITS = time_limits(
    statement_s=env.int("DATABASE_STATEMENT_TIMEOUT_S", default=15), idle_in_transaction_s=10
)
COMMAND_TIME_LIMITS = time_limits(
    statement_s=env.int("COMMAND_STATEMENT_TIMEOUT_S", default=3600), idle_in_transaction_s=600
)
DATABASE_TIME_LIMITS = as_options(COMMAND_TIME_LIMITS if IS_COMMAND else PAGE_TIME_LIMITS)
DATABASE_URL = env.str("DATABASE_URL", default="") or addresses.postgres_url(DATA_DIR)
DATABASES = {
    "default": Env.db_url_config(DATABASE_URL if IS_POOLED else DATABASE_DIRECT_URL or DATABASE_URL)
}
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
            "connection_class": KeepaliveConnection,
        },
        "connect_timeout": 3,
    }
    # PgBouncer takes no time limits: there the role has them (`manage.py prepare`). Statements are
    # planned once only where that is asked for (catalog.infrastructure.prepared).
    | ({} if IS_POOLED else {"options": DATABASE_TIME_LIMITS, "prepare_threshold": NEVER_BY_ITSELF})
)
# Those belong to a session.
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = IS_POOLED
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Of workers on machines that are trusted less; `manage.py prepare` grants it what they need.
WORKER_DATABASE_ROLE = env.str("WORKER_DATABASE_ROLE", default="")

REDIS_URL = env.str("REDIS_URL", default="") or addresses.valkey_url(DATA_DIR)
CACHES = {
    "default": {
        "BACKEND": "catalog.limits.counting_cache.CountingCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "serializer": "catalog.limits.counting_cache.SignedSerializer",
        },
        "KEY_PREFIX": "gigarouter",
        "VERSION": 2,  # signed: what the release before has put there, or would read, is apart
    },
    # Anonymous visitors' pages, in each web process's own memory (catalog.page_cache).
    "pages": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "pages",
        "OPTIONS": {"MAX_ENTRIES": 1000},
    },
}
# Text vectors that workers share: on a server of their own, which evicts the least recently used.
# Empty: each worker has its own alone (TEXT_MEMORY_MB).
TEXT_CACHE_URL = env.str("TEXT_CACHE_URL", default="")
TEXT_CACHE_MB = env.int("TEXT_CACHE_MB", default=valkey.TEXT_CACHE_MB)  # of the embedded one
if not (TEXT_CACHE_URL or env.str("REDIS_URL", default="")) and TEXT_CACHE_MB:
    TEXT_CACHE_URL = addresses.text_cache_url(DATA_DIR)
TEXT_MEMORY_MB = env.int("TEXT_MEMORY_MB", default=64)
PAGE_CACHE_S = env.int("PAGE_CACHE_S", default=0 if DEBUG else 10)
# How long the API keeps which model a name means, and which models have workers.
MODEL_CACHE_S = env.float("MODEL_CACHE_S", default=0.0 if DEBUG else 1.0)


def _broker(url: str) -> str:
    """Celery spells a Valkey behind a unix socket its own way, and checks no certificate."""
    if url.startswith("unix:"):
        return f"redis+socket://{urlsplit(url).path}"
    return verified(url)


# --- Celery: it wakes, routes and scales; the job table is the queue of record ------------------

CELERY_BROKER_URL = _broker(env.str("CELERY_BROKER_URL", default="") or REDIS_URL)
if CELERY_BROKER_URL.startswith("amqps:"):
    CELERY_BROKER_USE_SSL = {
        "cert_reqs": ssl.CERT_REQUIRED,
        "ca_certs": ssl.get_default_verify_paths().cafile,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "house"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker without room for what a worker notes about a message is tried again, not left for good.
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
_redis_options = {
    "visibility_timeout": 120,
    "unacked_restore_throttle": 1,
    # A broker that hangs must not hang a visitor. Workers wait for messages a second at a time.
    "socket_timeout": 3,
    "socket_connect_timeout": 2,
}
# Publishing is not confirmed: a message that is lost costs some seconds, a wait for its receipt
# would cost a visitor more.
_rabbitmq_options = {"write_timeout": 3, "connect_timeout": 2}
IS_RABBITMQ = CELERY_BROKER_URL.startswith(("amqp", "pyamqp"))
CELERY_BROKER_TRANSPORT_OPTIONS = _rabbitmq_options if IS_RABBITMQ else _redis_options
# Queues that more than one machine of a cluster holds.
RABBITMQ_QUEUE_TYPE = env.str("RABBITMQ_QUEUE_TYPE", default="quorum")
if RABBITMQ_QUEUE_TYPE not in {"quorum", "classic"}:
    raise ImproperlyConfigured(
        f"RABBITMQ_QUEUE_TYPE must be quorum or classic, not {RABBITMQ_QUEUE_TYPE!r}."
    )
if IS_RABBITMQ:
    CELERY_TASK_DEFAULT_QUEUE_TYPE = RABBITMQ_QUEUE_TYPE
    CELERY_TASK_CREATE_MISSING_QUEUE_TYPE = RABBITMQ_QUEUE_TYPE
CELERY_BEAT_SCHEDULER = "catalog.infrastructure.beat.Scheduler"
# Seconds between two runs. Beat does them itself; one with a queue is done by that queue's worker.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep": {"task": "inference.tasks.sweep", "schedule": 2.5},
    "tidy": {"task": "inference.tasks.tidy", "schedule": 30.0},
    "orphans": {"task": "inference.tasks.delete_orphans", "schedule": 3600.0},
    "texts": {"task": "inference.tasks.forget_texts", "schedule": 3600.0},
    "status": {"task": "inference.tasks.record_status", "schedule": 60.0},
    "mail": {"task": "catalog.tasks.sweep_mail", "schedule": 2.5},
    "bulk-mail": {"task": "catalog.tasks.send_bulk_mail", "schedule": 10.0},
    "waitlist": {"task": "catalog.tasks.purge_waitlist", "schedule": 3600.0},
    "people": {"task": "accounts.tasks.tidy", "schedule": 3600.0},
    # Reads files of requests, and a bucket reads slowly.
    "batches": {
        "task": "inference.tasks.advance_batches",
        "schedule": 2.0,
        "options": {"queue": "house"},
    },
    # Reads the whole ledger, and asks Stripe.
    "ledger": {
        "task": "accounts.tasks.check_ledger",
        "schedule": 86400.0,
        "options": {"queue": "house"},
    },
    "purchases": {
        "task": "accounts.tasks.refresh_purchases",
        "schedule": 3600.0,
        "options": {"queue": "house"},
    },
    "low-balances": {"task": "accounts.tasks.mail_low_balances", "schedule": 60.0},
    "launches": {
        "task": "accounts.tasks.resume_launches",
        "schedule": 60.0,
        "options": {"queue": "house"},
    },
    "notices": {"task": "accounts.tasks.apply_notices", "schedule": 10.0},
    "notice-mails": {
        "task": "accounts.tasks.mail_notices",
        "schedule": 60.0,
        "options": {"queue": "house"},
    },
    "erasures": {
        "task": "accounts.tasks.resume_erasures",
        "schedule": 60.0,
        "options": {"queue": "house"},
    },
    # What connects to others.
    "requests": {
        "task": "catalog.tasks.sweep_requests",
        "schedule": 60.0,
        "options": {"queue": "house"},
    },
    "storage": {
        "task": "inference.tasks.mark_storage",
        "schedule": 60.0,
        "options": {"queue": "house"},
    },
    # It lists a folder, and a bucket lists slowly.
    "fetched": {
        "task": "inference.tasks.tidy_fetched",
        "schedule": 300.0,
        "options": {"queue": "fetch"},
    },
    "webhooks": {
        "task": "inference.tasks.sweep_webhooks",
        "schedule": 10.0,
        "options": {"queue": "webhooks"},
    },
}
HF_ENDPOINT = env.str("HF_ENDPOINT", default="")
# A few cards at a time, each once a day. A developer's machine does not call on strangers.
HUB_SYNC = env.bool("HUB_SYNC", default=not DEBUG)
if HUB_SYNC:
    CELERY_BEAT_SCHEDULE["hub"] = {
        "task": "catalog.tasks.sync_hub",
        "schedule": 300.0,
        "options": {"queue": "house"},
    }

# --- inference ----------------------------------------------------------------------------------

# What `make run` starts a worker for: repos separated by commas, or "auto": the stand-ins and every
# model whose weights are on this machine.
WORKER_MODELS = env.str("MODELS", default="auto")
SERVE_REPOS = env.list("SERVE_REPOS", default=[])  # what `manage.py run_worker` settled on
WORKER_DEVICE = env.str("DEVICE", default="cpu")
WORKER_THREADS = env.int("WORKER_THREADS", default=0)  # 0: torch chooses
BATCH_IMAGES = env.int("BATCH_IMAGES", default=16)
DECODERS = env.int("DECODERS", default=0)  # 0: one a core, at most 8
DTYPE = env.str("DTYPE", default="auto")
if DTYPE not in {"auto", "fp32", "bf16", "fp16"}:
    raise ImproperlyConfigured(f"DTYPE must be auto, fp32, bf16 or fp16, not {DTYPE!r}.")
ENGINE = env.str("ENGINE", default="auto")
if ENGINE not in {"auto", "torch", "onnxruntime"}:
    raise ImproperlyConfigured(f"ENGINE must be auto, torch or onnxruntime, not {ENGINE!r}.")
# fp32 or int8 for all models of a worker, or `owner/name=int8` for some.
PRECISION = env.list("PRECISION", default=["fp32"])
if unknown := {part.rpartition("=")[2] for part in PRECISION} - {"fp32", "int8"}:
    raise ImproperlyConfigured(
        f"PRECISION must be fp32, int8, or owner/name=int8, not {', '.join(sorted(unknown))}."
    )
EXPORTS_MB = env.int("EXPORTS_MB", default=20_000)  # 0: no limit
# What loads encoders. Not of the environment: measurements alone put another in its place, whose
# forward pass takes no time (bench.settings).
ENCODER_LOADER = "inference.runtime.loading.load"
PREPROCESSING = env.str("PREPROCESSING", default="exact")
if PREPROCESSING not in {"fast", "exact"}:
    raise ImproperlyConfigured(f"PREPROCESSING must be fast or exact, not {PREPROCESSING!r}.")
COMPILE = env.bool("COMPILE", default=False)
PACK_WEIGHTS = env.bool("PACK_WEIGHTS", default=True)
MODEL_MEMORY_MB = env.int("MODEL_MEMORY_MB", default=0)  # 0: no limit
PLAYGROUND_JOBS_PER_HOUR_SESSION = env.int("PLAYGROUND_JOBS_PER_HOUR_SESSION", default=60)
PLAYGROUND_JOBS_PER_HOUR_ADDRESS = env.int("PLAYGROUND_JOBS_PER_HOUR_ADDRESS", default=120)
# Image URLs may be plain http, too: whoever is on the way could then see and change the pictures.
FETCH_HTTP = env.bool("FETCH_HTTP", default=False)
# What makes the client that picture URLs are fetched with. Not of the environment: measurements
# alone put another in its place, whose names lead to servers of theirs (bench.abuse.settings).
OUTBOUND_CLIENT = "inference.outbound.fetcher.system_client"
PLAYGROUND_KEEP_HOURS = env.int("PLAYGROUND_KEEP_HOURS", default=24)
JOB_RECORD_DAYS = env.int("JOB_RECORD_DAYS", default=30)
# A folder of orders to crash and hang (inference.faults); a system check refuses it on a real site.
FAULTS_DIR = env.str("GR_FAULTS", default="")

# --- watching -----------------------------------------------------------------------------------

# What Prometheus sends as `Authorization: Bearer ...` to /metrics; empty: there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Which commit this is, as the image or the operator says.
REVISION = env.str("REVISION", default="")

# OpenTelemetry's own names: the address of all signals, to which a path is added, or of traces. Its
# SDK reads its others by itself.
_otlp_url = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")
OTLP_TRACES_URL = env.str("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", default="") or (
    f"{_otlp_url.rstrip('/')}/v1/traces" if _otlp_url else ""
)
if env.bool("OTEL_SDK_DISABLED", default=False):
    OTLP_TRACES_URL = ""
SENTRY_DSN = env.str("SENTRY_DSN", default="")
SENTRY_ENVIRONMENT = env.str("SENTRY_ENVIRONMENT", default="") or (
    "development" if DEBUG else "production"
)

# --- demand -------------------------------------------------------------------------------------

WAITLIST_ASKS_PER_HOUR_ADDRESS = env.int(
    "WAITLIST_ASKS_PER_HOUR_ADDRESS", default=500 if DEBUG else 5
)

# --- webhooks ---------------------------------------------------------------------------------

WEBHOOK_DISABLED_AFTER_DAYS = env.int("WEBHOOK_DISABLED_AFTER_DAYS", default=5)

# The API: each key's share of a minute and its account's, jobs that may wait, and threads for
# what is not asynchronous. A picture of 10 MB is 14 MB of base64.
API_SUBMITS_PER_MINUTE = env.int("API_SUBMITS_PER_MINUTE", default=600)
API_SUBMITS_PER_MINUTE_ACCOUNT = env.int("API_SUBMITS_PER_MINUTE_ACCOUNT", default=1200)
API_IMAGES_PER_MINUTE = env.int("API_IMAGES_PER_MINUTE", default=6000)
API_QUEUED_JOBS = env.int("API_QUEUED_JOBS", default=200)
API_THREADS = env.int("API_THREADS", default=8)
# Of one account, in one web process; staff may give an account more.
API_CALLS_IN_FLIGHT = env.int("API_CALLS_IN_FLIGHT", default=64)
API_CALLS_IN_FLIGHT_ACCOUNT = env.int("API_CALLS_IN_FLIGHT_ACCOUNT", default=128)
API_BODY_MEMORY_BYTES = env.int("API_BODY_MEMORY_MB", default=192) * 1024 * 1024
API_WAIT_S = 60
API_MAX_BODY_BYTES = 16 * 1024 * 1024
# Of a batch: its input file; and of an account: its files, and the batches that are not done.
BATCH_FILE_BYTES = env.int("BATCH_FILE_MB", default=100) * 1024 * 1024
BATCH_LINES = env.int("BATCH_LINES", default=50_000)
BATCH_FILE_DAYS = env.int("BATCH_FILE_DAYS", default=7)
BATCH_STORED_BYTES = env.int("BATCH_STORED_MB", default=2048) * 1024 * 1024
BATCH_OPEN = env.int("BATCH_OPEN", default=20)

# --- people -------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
# What a confirmed person gets once, in whole micro-dollars; 0: nothing.
FREE_CREDIT_MICRO_USD = parse_usd(env.str("FREE_CREDIT_USD", default="1.00"))
# The catalog asks it which models living workers serve, and may not import what stands above it.
SERVED_REPOS = "inference.models.workers.served_repos"
LAUNCH_CREDIT_MICRO_USD = parse_usd(env.str("LAUNCH_CREDIT_USD", default="0.50"))
# What is given at once in 24 hours; beyond it gifts wait for the operator (accounts.gifts).
GIFTS_PER_DAY_NETWORK = env.int("GIFTS_PER_DAY_NETWORK", default=500 if DEBUG else 5)
GIFTS_PER_DAY_DOMAIN = env.int("GIFTS_PER_DAY_DOMAIN", default=500 if DEBUG else 5)
GIFTS_PER_DAY_PUBLIC_DOMAIN = env.int("GIFTS_PER_DAY_PUBLIC_DOMAIN", default=200)
WELCOME_GIFTS_MICRO_USD_PER_DAY = parse_usd(env.str("WELCOME_GIFTS_USD_PER_DAY", default="50.00"))
LAUNCH_GIFTS_MICRO_USD_PER_DAY = parse_usd(env.str("LAUNCH_GIFTS_USD_PER_DAY", default="100.00"))
# The model by whose price pages say what the free credit buys; without a price of its own, the most
# used one that has one.
OFFER_MODEL = env.str("OFFER_MODEL", default="openai/clip-vit-large-patch14")
WELCOME_CREDIT_DAYS = env.int("WELCOME_CREDIT_DAYS", default=365)
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
# Whether staff show a passkey or an authenticator app's code before the admin opens.
ADMIN_SECOND_FACTOR = env.bool("ADMIN_SECOND_FACTOR", default=not DEBUG)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.sign_in.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "add_email": "accounts.sign_in.email_code.AddAddressForm",
    "confirm_email_verification_code": "accounts.sign_in.email_code.ConfirmAddressForm",
    "login": "accounts.sign_in.email_code.SignInForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60  # a mail may take its time
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a new passkey is told to the address
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
# Nobody learns from us whether an address is known: sign-in makes the account if there is none.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
# Nobody has a password: how long a link of `manage.py sign_in_link` works.
PASSWORD_RESET_TIMEOUT = 15 * 60
# Mails with a code are counted by accounts.sign_in.code_mails.
ACCOUNT_RATE_LIMITS = {
    "login": "20/m/ip",
    "signup": "20/m/ip",
    "request_login_code": "20/m/ip",
    "confirm_email": None,
    "login_failed": "10/m/ip,5/5m/key",
}

MFA_ADAPTER = "accounts.sign_in.adapter.MFAAdapter"
MFA_FORMS = {
    "add_webauthn": "accounts.sign_in.passkeys.AddPasskeyForm",
    "authenticate_webauthn": "accounts.sign_in.passkeys.PasskeyForm",
    "login_webauthn": "accounts.sign_in.passkeys.PasskeySignInForm",
}
MFA_SUPPORTED_TYPES = ["webauthn", "totp", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "gigarouter"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG  # http://localhost

# People may come with a Google or GitHub account if the site has keys of theirs. Both say which of
# their addresses they have confirmed, and whoever reads its mail is who we mean: so they meet the
# account they have (accounts.sign_in.social).
GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", default="")
GITHUB_CLIENT_ID = env.str("GITHUB_CLIENT_ID", default="")
SOCIALACCOUNT_PROVIDERS = {
    "google": {
        "APPS": [
            {"client_id": GOOGLE_CLIENT_ID, "secret": env.str("GOOGLE_CLIENT_SECRET", default="")}
        ][: bool(GOOGLE_CLIENT_ID)],
        "SCOPE": ["email"],
        "OAUTH_PKCE_ENABLED": True,
    },
    "github": {
        "APPS": [
            {"client_id": GITHUB_CLIENT_ID, "secret": env.str("GITHUB_CLIENT_SECRET", default="")}
        ][: bool(GITHUB_CLIENT_ID)],
        "SCOPE": ["user:email"],
    },
}
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.social.SocialAdapter"
SOCIALACCOUNT_FORMS = {"disconnect": "accounts.sign_in.social.DisconnectProviderForm"}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# A form on our page ends, by a redirect, on theirs: the CSP must name them.
FORM_TARGETS = ["https://accounts.google.com"] * bool(GOOGLE_CLIENT_ID) + [
    "https://github.com"
] * bool(GITHUB_CLIENT_ID)

# --- payments -----------------------------------------------------------------------------------

# Without a key the site takes no payments: the operator grants credit in the admin.
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")
STRIPE_API_URL = env.str("STRIPE_API_URL", default="https://api.stripe.com")
STRIPE_TIMEOUT_S = env.float("STRIPE_TIMEOUT_S", default=10.0)
CREDIT_PACKS_USD = [
    int(usd) for usd in env.list("CREDIT_PACKS_USD", default=["5", "20", "50", "100"])
]
CREDIT_LEAST_USD = env.int("CREDIT_LEAST_USD", default=5)
CREDIT_MOST_USD = env.int("CREDIT_MOST_USD", default=1000)
# Which lines of a statement have a page: a function of the person and references.
LEDGER_LINKS = "inference.playground.results.ledger_links.links_of"
if STRIPE_SECRET_KEY:
    FORM_TARGETS.append("https://checkout.stripe.com")

# Modules that end what goes on in the name of a person who is suspended (accounts.suspension).
SUSPENSION = ["inference.suspension"]
# Modules with `export`, `close` and `erase` (accounts.erasure.Section); apps above accounts add
# theirs here. Inference first: its open jobs give back what they hold while there is a person.
PERSONAL_DATA = [
    "inference.webhooks.personal_data",  # first: what ends now is delivered to nobody
    "inference.comparing.personal_data",  # before the jobs, which it takes along
    "inference.personal_data",
    "inference.batches.personal_data",  # after the jobs of batches, so that none runs any more
    "accounts.personal_data",
    "catalog.demand.personal_data",
]

# --- mail ---------------------------------------------------------------------------------------

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="gigarouter <hello@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Who runs the site, as its pages of privacy, terms and contact say.
OPERATOR_NAME = env.str("OPERATOR_NAME", default="")
OPERATOR_ADDRESS = env.str("OPERATOR_ADDRESS", default="")
CONTACT_EMAIL = env.str("CONTACT_EMAIL", default="")
# Where holes are reported: an address or a page. Named in /.well-known/security.txt.
SECURITY_CONTACT = env.str("SECURITY_CONTACT", default="")
EMAIL_TIMEOUT = 5
EMAIL_URL = env.str("EMAIL_URL", default="")
_mail = Env.email_url_config(EMAIL_URL) if EMAIL_URL else {}
# What the workers send with; none: mail waits in the outbox, where a developer reads it.
MAIL_TRANSPORT = _mail.pop("EMAIL_BACKEND", "")
vars().update(_mail)
EMAIL_BACKEND = "catalog.mail.backend.Outbox"
MAIL_BULK_PER_MINUTE = env.int("MAIL_BULK_PER_MINUTE", default=300)

# --- files --------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_DIR", default="") or DATA_DIR / "static")
MEDIA_ROOT = DATA_DIR / "media"

# Uploaded images: never served by address, only by a view that knows the owner.
_folder = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {
        "location": MEDIA_ROOT,
        "base_url": None,
        "file_permissions_mode": int(env.str("PICTURE_FILE_MODE", default="600"), base=8),
    },
}
_bucket_name = env.str("AWS_STORAGE_BUCKET_NAME", default="")
_bucket = {
    "BACKEND": "config.files.s3.Bucket",
    "OPTIONS": {
        "bucket_name": _bucket_name,
        "endpoint_url": env.str("AWS_S3_ENDPOINT_URL", default="") or None,
        "region_name": env.str("AWS_S3_REGION_NAME", default="") or None,
        # None: boto3 looks where it always does, such as the role of the machine.
        "access_key": env.str("AWS_ACCESS_KEY_ID", default="") or None,
        "secret_key": env.str("AWS_SECRET_ACCESS_KEY", default="") or None,
    },
}
if _bucket_name and not find_spec("storages"):
    raise ImproperlyConfigured("AWS_STORAGE_BUCKET_NAME needs the extra: pip install '.[s3]'")
STORAGES = {
    "default": _bucket if _bucket_name else _folder,
    "staticfiles": {
        "BACKEND": "config.files.static_files.PageSheets"
        if DEBUG
        else "config.files.static_files.HashedPageSheets"
    },
}
# Whoever edits styles or scripts sees each change at once; others get what visitors get.
WHITENOISE_USE_FINDERS = DEBUG and env.bool("STATIC_FROM_SOURCE", default=False)

# --- language, time, logs -----------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING = logging_config(
    level=env.str("LOG_LEVEL", default="INFO"), is_json=env.bool("LOG_JSON", default=False)
)
