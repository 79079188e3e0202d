from django.urls import include, path
from rest_framework.routers import SimpleRouter

from doctor import views

router = SimpleRouter(use_regex_path=False)
router.register("doctors", views.DoctorViewSet)
router.register("specialties", views.SpecialtyViewSet)
router.register("languages", views.LanguageViewSet)
router.register("locations", views.LocationViewSet)
router.register("schedules", views.ScheduleViewSet)
router.register("weekly-hours", views.WeeklyHoursViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("by-specialty/<id:specialty_id>/", views.DoctorsBySpecialtyView.as_view()),
    path("slots/", views.SlotSearchView.as_view()),
]
