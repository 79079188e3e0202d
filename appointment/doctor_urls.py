"""Paths under /api/doctor/ whose views need appointments."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from appointment import views

router = SimpleRouter(use_regex_path=False)
router.register("time-off", views.TimeOffViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("doctors/<id:doctor_id>/available-slots/", views.AvailableSlotsView.as_view()),
]
