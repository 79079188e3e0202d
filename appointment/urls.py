from django.urls import include, path
from rest_framework.routers import SimpleRouter

from appointment import views

router = SimpleRouter(use_regex_path=False)
router.register("my-appointments", views.AppointmentViewSet)
router.register("waitlist", views.WaitlistViewSet, basename="waitlist")
router.register("calendar-feeds", views.CalendarFeedViewSet)
router.register("webhooks", views.WebhookViewSet)

urlpatterns = [
    path("", include(router.urls)),
    path("my-appointments/<id:pk>/calendar.ics", views.VisitCalendarView.as_view()),
    path(
        "calendar-feeds/<secret:secret>.ics",
        views.FeedFileView.as_view(),
        name="calendar-feed-file",
    ),
    path("book/<id:doctor_id>/", views.BookView.as_view(), name="appointment-book"),
    path("cancel/<id:appointment_id>/", views.CancelView.as_view(), name="appointment-cancel"),
    path("reschedule/<id:appointment_id>/", views.RescheduleView.as_view()),
    path("rebooking/", views.RebookingView.as_view()),
    path("rebooking/<id:appointment_id>/move/", views.RebookingMoveView.as_view()),
    path("rebooking/<id:appointment_id>/cancel/", views.RebookingCancelView.as_view()),
    path("rebooking/<id:appointment_id>/keep/", views.RebookingKeepView.as_view()),
    path("agenda/", views.AgendaView.as_view()),
    path("check-in/<id:appointment_id>/", views.CheckInView.as_view()),
    path("complete/<id:appointment_id>/", views.CompleteView.as_view()),
    path("no-show/<id:appointment_id>/", views.NoShowView.as_view()),
    path("undo/<id:appointment_id>/", views.UndoView.as_view()),
    path("waitlist/<id:pk>/accept/", views.AcceptView.as_view(), name="waitlist-accept"),
    path("waitlist/<id:pk>/decline/", views.DeclineView.as_view(), name="waitlist-decline"),
    path("webhooks/<id:webhook_id>/rotate-secret/", views.RotateSecretView.as_view()),
    path("webhooks/<id:webhook_id>/test/", views.TestWebhookView.as_view()),
    path("webhooks/<id:webhook_id>/deliveries/", views.WebhookDeliveriesView.as_view()),
]
