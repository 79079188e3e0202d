"""The URL table of the desk, under `/admin/desk/`."""

from django.urls import path

from appointment.desk import (
    away,
    booking,
    day,
    figures,
    hours,
    importing,
    line,
    mine,
    printing,
)

app_name = "desk"
urlpatterns = [
    path("", day.DayPage.as_view(), name="day"),
    path("book/", booking.BookPage.as_view(), name="book"),
    path("away/", away.AwayPage.as_view(), name="away"),
    path("line/", line.LinePage.as_view(), name="line"),
    path("hours/", hours.HoursPage.as_view(), name="hours"),
    path("figures/", figures.FiguresPage.as_view(), name="figures"),
    path("print/", printing.PrintPage.as_view(), name="print"),
    path("mine/", mine.MinePage.as_view(), name="mine"),
    *(
        path(
            f"mine/visits/<id:appointment_id>/{verb.replace('_', '-')}/",
            mine.OwnVisitAction.as_view(verb=verb),
            name=f"mine-{verb.replace('_', '-')}",
        )
        for verb in mine.OWN_VERBS
    ),
    path("mine/history/<id:patient_id>/", mine.OwnHistory.as_view(), name="mine-history"),
    path("mine/leave/", mine.OwnLeave.as_view(), name="mine-leave"),
    path("mine/leave/<id:timeoff_id>/end/", mine.OwnLeaveEnd.as_view(), name="mine-leave-end"),
    path("import/", importing.ImportPage.as_view(), name="import"),
]
