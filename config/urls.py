"""The URL table."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path, register_converter
from django.views.decorators.http import require_POST
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularSwaggerSplitView

from accounts.login_limits import limits_logins
from config import health, pages
from config.document_view import DocumentView
from extensions.rest.converters import IdConverter, SecretConverter

register_converter(IdConverter, "id")
register_converter(SecretConverter, "secret")
# Swagger UI with its script at another URL, as the Content-Security-Policy requires. OPTIONS is
# left out: the view answers it with 500.
DOCS = SpectacularSwaggerSplitView.as_view(
    url_name="schema", template_name="config/docs.html", http_method_names=("get", "head")
)

LOGIN = LoginView.as_view(template_name="rest_framework/login.html")
# The URLs of rest_framework.urls; a login here counts towards the rate limit of all login forms.
API_LOGIN = (
    [
        path("login/", limits_logins(LOGIN), name="login"),
        path("logout/", LogoutView.as_view(), name="logout"),
    ],
    "rest_framework",
)

urlpatterns = [
    path("", pages.start, name="start"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/language/", require_POST(set_language), name="set_language"),
    path("admin/desk/", include("appointment.desk.urls")),
    path("admin/", admin.site.urls),
    path("api-auth/", include(API_LOGIN)),
    path("api/auth/", include("accounts.urls")),
    path("api/doctor/", include("doctor.urls")),
    path("api/doctor/", include("appointment.doctor_urls")),
    path("api/patient/", include("patient.urls")),
    path("api/patient/", include("appointment.patient_urls")),
    path("api/appointment/", include("appointment.urls")),
    path("api/schema/", DocumentView.as_view(), name="schema"),
    path("api/docs/", DOCS, name="docs"),
]

handler500 = "config.database_errors.server_error"
