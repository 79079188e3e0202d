from django.urls import include, path
from rest_framework.routers import SimpleRouter

from appointment import views

router = SimpleRouter(use_regex_path=False)
router.register("my-appointments", views.AppointmentViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("book/<id:doctor_id>/", views.BookView.as_view(), name="appointment-book"),
    path("cancel/<id:appointment_id>/", views.CancelView.as_view(), name="appointment-cancel"),
]
