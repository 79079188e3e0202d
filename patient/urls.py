from typing import Any

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from patient import views

READ_WRITE_ERASE: dict[str, Any] = {
    "get": "retrieve",
    "put": "update",
    "patch": "partial_update",
    "delete": "destroy",
}

router = SimpleRouter(use_regex_path=False)
router.register("dependents", views.DependentViewSet, basename="dependent")

own_profile = views.OwnProfileViewSet.as_view({**READ_WRITE_ERASE, "post": "create"})

urlpatterns = [
    path("profile/", own_profile, name="own-profile"),
    path("profile/<id:pk>/", views.PatientViewSet.as_view(READ_WRITE_ERASE), name="patient-detail"),
    path("claim/", views.ClaimView.as_view(), name="claim"),
    path("", include(router.urls)),
]
