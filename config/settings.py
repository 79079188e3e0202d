"""Settings, driven by the environment and safe by default (docs/operations.md lists the variables).

One switch: ENVIRONMENT=demo (the default) or ENVIRONMENT=production.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.api_document import SPECTACULAR_SETTINGS  # noqa: F401
from config.csp import CONTENT_SECURITY_POLICY  # noqa: F401
from config.log import LOGGING  # noqa: F401

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

ENVIRONMENT = environment.text("ENVIRONMENT", "demo")
if ENVIRONMENT not in {"demo", "production"}:
    raise ImproperlyConfigured(f"ENVIRONMENT is demo or production, not {ENVIRONMENT!r}.")
PRODUCTION = ENVIRONMENT == "production"
DEBUG = environment.flag("DEBUG")

if PRODUCTION:
    if DEBUG:
        raise ImproperlyConfigured("ENVIRONMENT=production refuses DEBUG: its pages show settings.")
    SECRET_KEY = environment.strong_key("SECRET_KEY")
    environment.required("ALLOWED_HOSTS")
    DATABASE_URL = environment.required("DATABASE_URL")
    ALLOWED_HOSTS = environment.names("ALLOWED_HOSTS")
else:
    environment.private_folder(VAR_DIR)
    environment.private_folder(VAR_DIR / "static")  # whitenoise warns without it
    SECRET_KEY = environment.text("SECRET_KEY") or environment.secret_key(VAR_DIR / "secret_key")
    DATABASE_URL = environment.text("DATABASE_URL", "sqlite:///var/db.sqlite3")
    ALLOWED_HOSTS = environment.names("ALLOWED_HOSTS") or ["localhost", "127.0.0.1", "[::1]"]

# --- Applications ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "config",
    "accounts",
    "doctor",
    "patient",
    "appointment",
    "accounts.apps.ClinicAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "knox",
    "django_filters",
    "phonenumber_field",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "django_htmx",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
]

MIDDLEWARE = [
    "config.proxies.TrustedProxyMiddleware",
    "config.database_errors.DatabaseTimeoutMiddleware",
    "config.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.languages.LanguageMiddleware",
    "config.headers.NoStoreMiddleware",
    "config.headers.ContentSecurityPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "config.middleware.ApiMiddleware",
    "config.page_middleware.SessionMiddleware",
    "config.middleware.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.page_middleware.AuthenticationMiddleware",
    "config.page_middleware.OTPMiddleware",
    "config.page_middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.page_middleware.HtmxMiddleware",
    "config.database_errors.RetryMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

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

# --- Database and cache ---------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": environment.database(DATABASE_URL, BASE_DIR)}
DATABASE_ROUTERS: list[str] = []

# A standby of PostgreSQL for public reads; nothing of it is loaded where none is named.
DATABASE_REPLICA_URL = environment.text("DATABASE_REPLICA_URL")
DATABASE_REPLICA_MAX_LAG = environment.number("DATABASE_REPLICA_MAX_LAG", 5)  # seconds
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = environment.replica(DATABASE_REPLICA_URL, DATABASE_URL, BASE_DIR)
    DATABASE_ROUTERS.append("config.routers.ReplicaRouter")
    MIDDLEWARE.append("config.replica.ReplicaMiddleware")

# Seconds, for PostgreSQL; the statements of commands have no limit (extensions/db/backends/).
DATABASE_LIMITS = {
    "lock": environment.number("DATABASE_LOCK_TIMEOUT", 3),
    "statement": environment.number("DATABASE_STATEMENT_TIMEOUT", 5),
    "idle": environment.number("DATABASE_IDLE_TIMEOUT", 30),
}

CACHE_URL = environment.text("CACHE_URL")
CACHES: dict[str, Any] = {"default": environment.counting_cache(CACHE_URL)}
if not PRODUCTION and not CACHE_URL:
    # A demo counts calls in another file, so that reading never waits for SQLite's one writer.
    limits = environment.limits_file(DATABASES["default"], DATABASE_URL, VAR_DIR)
    DATABASES["limits"] = environment.sqlite(limits, synchronous="OFF")
    DATABASE_ROUTERS.insert(0, "config.routers.LimitsRouter")

# --- People ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "accounts.authentication.PasswordBackend",
]
PASSWORD_HASHERS = ["accounts.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"accounts.passwords.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_RESET_TIMEOUT = 3600  # seconds that a mailed token is valid, of any kind
LOGIN_URL = "rest_framework:login"
LOGIN_REDIRECT_URL = "/"

ADMIN_SECOND_FACTOR = (
    environment.text("ADMIN_SECOND_FACTOR", "on" if PRODUCTION else "off") != "off"
)
DAY_FIRST_NUMBERS = "doctor.admin.dates.numbers_are_day_first"  # in dates that staff type
ADMIN_FORM_STORE = "appointment.models.idempotency.save_form_once"
ADMIN_PERMISSIONS = ("appointment.view_own_day",)  # admit others than staff to the admin
ADMIN_FRONT_PAGE = "appointment.desk.access.front_page"  # where /admin/ leads a user
DESK_REFRESH_SECONDS = environment.number("DESK_REFRESH_SECONDS", 20)  # pages of the desk
OTP_TOTP_ISSUER = "Clinic appointments"

KNOX_TOKEN_MODEL = "knox.AuthToken"  # noqa: S105  # nosec B105  # the default, named here
REST_KNOX = {
    "TOKEN_TTL": timedelta(days=14),
    "AUTO_REFRESH": True,
    "AUTO_REFRESH_MAX_TTL": timedelta(days=90),
    "MIN_REFRESH_INTERVAL": 3600,
}

# --- Mail -----------------------------------------------------------------------------------------

if PRODUCTION:
    EMAIL_URL = environment.required("EMAIL_URL")
    DEFAULT_FROM_EMAIL = environment.sender(environment.required("DEFAULT_FROM_EMAIL"))
else:
    # A file, never the log: a mail holds a secret.
    EMAIL_URL = environment.text("EMAIL_URL", "filemail:///var/mail")
    DEFAULT_FROM_EMAIL = environment.sender(
        environment.text("DEFAULT_FROM_EMAIL", "clinic@example.com")
    )
MAIL = environment.mail(EMAIL_URL, BASE_DIR)
vars().update(MAIL)
EMAIL_TIMEOUT = 10  # seconds without a word of the server
MESSAGE_KINDS = [
    "accounts.account_mails.KINDS",
    "appointment.messages.KINDS",
    "appointment.messages.webhooks.KINDS",
]
MESSAGE_CHANNELS = environment.channels(PRODUCTION, VAR_DIR)
LINK_URL = environment.web_address("LINK_URL")  # of the client's pages, which mails link to

# --- Webhooks -------------------------------------------------------------------------------------

# Whether webhooks may be sent by http and to private addresses, such as a receiver beside us.
WEBHOOK_PRIVATE_NETWORKS = environment.flag("WEBHOOK_PRIVATE_NETWORKS")

# --- Calendar -------------------------------------------------------------------------------------

HOURS_AHEAD_DAYS = environment.number("HOURS_AHEAD_DAYS", 90)
DOCTOR_FEED_NAMES = environment.flag("DOCTOR_FEED_NAMES")  # of patients, in doctors' calendars
DEMO_DAYS = environment.number("DEMO_DAYS", 30)

# --- Limits ---------------------------------------------------------------------------------------

THROTTLE = environment.text("THROTTLE", "on") != "off"
NUM_PROXIES = environment.number("NUM_PROXIES", 0)
TRUSTED_PROXIES = environment.networks("TRUSTED_PROXIES", "127.0.0.1,::1")
EMERGENCY_MINUTES = environment.number("EMERGENCY_MINUTES", 60)  # of emergency access
OFFER_MINUTES = environment.number("OFFER_MINUTES", 30)  # minutes that an offered place is held
# Visits ahead of one account, over all its people; 0 lifts a cap.
MAX_AHEAD_PER_ACCOUNT = environment.number("MAX_AHEAD_PER_ACCOUNT", 20)
MAX_AHEAD_UNVERIFIED = environment.number("MAX_AHEAD_UNVERIFIED", 3)  # address not verified
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
# A file to import: room for 20,000 patients. Such a body stays in memory, so that no part of it is
# written to a disk, and is taken at the one path of the page alone.
UPLOAD_PATH = "/admin/desk/import/"
UPLOAD_MAX_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024
# More fields than fit into a request line: Django counts those of a query before any middleware.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

RATES = {  # docs/operations.md says what each counts
    "denials": "60/minute",
    "denials_daily": "1000/day",
    "denials_address": "10000/day",
    "user": "600/minute",
    "anon": "600/minute",
    "booking": "60/minute",
    "claim": "10/day",
    "claim_address": "10/day",
    "named_search": "30/hour",
    "named_search_daily": "100/day",
    "login": "120/minute",
    "password": "10/minute",  # nosec B105  # a rate
    "register": "60/hour",
    "mail": "60/hour",
}

AXES_ENABLED = THROTTLE
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=1)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_DISABLE_ACCESS_LOG = True
AXES_USERNAME_CALLABLE = "accounts.login_limits.login_name"
AXES_CLIENT_IP_CALLABLE = "extensions.rest.throttling.counted_address"
AXES_LOCKOUT_CALLABLE = "accounts.login_limits.lockout_response"
AXES_VERBOSE = False
# Axes masks these in a refused form: a one-time code sent with a wrong password is still valid.
AXES_SENSITIVE_PARAMETERS = ["username", "email", "code", "csrfmiddlewaretoken"]

# --- API ------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First: its WWW-Authenticate header makes an anonymous call 401 rather than 403, and it
        # counts the call towards `user` or `anon`.
        "accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": [
        "config.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "extensions.rest.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "extensions.rest.negotiation.ContentNegotiation",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.StandardPagination",
    "DEFAULT_SCHEMA_CLASS": "config.openapi.Schema",
    "DEFAULT_THROTTLE_RATES": {scope: rate if THROTTLE else None for scope, rate in RATES.items()},
    "EXCEPTION_HANDLER": "config.problems.exception_handler",
    "NUM_PROXIES": NUM_PROXIES,
    # All answers show whole seconds. Fields without a location are in TIME_ZONE, which is UTC.
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
    "TIME_INPUT_FORMATS": ["%H:%M", "%H:%M:%S"],  # a wall time has no offset
    "DATE_INPUT_FORMATS": ["%Y-%m-%d"],  # as the filters: neither 20261201 nor 2026-W49-2
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

CORS_ALLOWED_ORIGINS = environment.names("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = (*default_headers, "idempotency-key", "if-none-match")
CORS_EXPOSE_HEADERS = ("ETag", "Idempotency-Replayed", "Location", "Retry-After", "X-Request-ID")

# --- Transport ------------------------------------------------------------------------------------

SESSION_COOKIE_AGE = 12 * 3600  # seconds: a long working day
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_HTTPONLY = True  # forms carry the token, and no script reads the cookie
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # messages name patients
X_FRAME_OPTIONS = "DENY"
if NUM_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    # Health checks use plain http, and ApiMiddleware refuses plain http under /api.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^api(/|$)"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    LANGUAGE_COOKIE_SECURE = True
    SESSION_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"  # browsers accept it from this host over https only
    CSRF_COOKIE_SECURE = True
    CSRF_COOKIE_NAME = "__Host-csrftoken"

# --- Files, words, log ----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [("extensions", BASE_DIR / "extensions" / "admin" / "static")]
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_ROOT = BASE_DIR / "config" / "root"  # /favicon.ico
if PRODUCTION:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

# Each has catalogs (docs/translating.md) and formats of its own.
LANGUAGES = [("en", "English"), ("es", "Español")]
LANGUAGE_CODE = environment.one_of("LANGUAGE_CODE", dict(LANGUAGES))  # where nothing else is asked
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600  # seconds
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "extensions" / "locale"]
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True
USE_TZ = True
