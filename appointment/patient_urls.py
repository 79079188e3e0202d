"""Paths under /api/patient/ whose views need appointments."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from appointment import views

router = SimpleRouter(use_regex_path=False)
router.register("medical-history", views.MedicalHistoryViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("access-log/", views.AccessLogView.as_view(), name="access-log"),
    path("notifications/", views.NotificationsView.as_view(), name="notifications"),
    path("export/", views.ExportView.as_view(), name="export"),
]
