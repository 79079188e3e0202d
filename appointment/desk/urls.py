"""The URL table of the desk, under `/admin/desk/`."""

from django.urls import path

from appointment.desk import (
    away,
    booking,
    booking_panels,
    day,
    figures,
    finding,
    holidays,
    hours,
    importing,
    line,
    mine,
    printing,
    rebook,
    visits,
)

app_name = "desk"
urlpatterns = [
    path("", day.DayPage.as_view(), name="day"),
    path("changes/", day.DayChanges.as_view(), name="day-changes"),
    path("search/", finding.Search.as_view(), name="search"),
    path("people/<id:patient_id>/", finding.PersonPanel.as_view(), name="person"),
    path("visits/<id:appointment_id>/check-in/", visits.CheckIn.as_view(), name="visit-check-in"),
    path("visits/<id:appointment_id>/done/", visits.Complete.as_view(), name="visit-complete"),
    path("visits/<id:appointment_id>/no-show/", visits.NoShow.as_view(), name="visit-no-show"),
    path("visits/<id:appointment_id>/undo/", visits.Undo.as_view(), name="visit-undo"),
    path("visits/<id:appointment_id>/cancel/", visits.Cancel.as_view(), name="visit-cancel"),
    path("visits/<id:appointment_id>/move/", visits.Move.as_view(), name="visit-move"),
    path("book/", booking.BookPage.as_view(), name="book"),
    path("walk-in/", booking_panels.WalkInPanel.as_view(), name="walk-in"),
    path("free/", booking_panels.FreePanel.as_view(), name="free"),
    path("squeeze-in/", booking_panels.SqueezeInPanel.as_view(), name="squeeze-in"),
    path("away/", away.AwayPage.as_view(), name="away"),
    path("away/hits/", away.Hits.as_view(), name="away-hits"),
    path("away/visits/", away.Visits.as_view(), name="away-visits"),
    path("away/propose/", away.Propose.as_view(), name="away-propose"),
    path("away/leave/<id:timeoff_id>/take-back/", away.TakeBack.as_view(), name="away-take-back"),
    path("away/visits/all/", rebook.RebookAll.as_view(), name="rebook-all"),
    path("away/visits/<id:appointment_id>/", rebook.RebookVisit.as_view(), name="rebook"),
    path("line/", line.LinePage.as_view(), name="line"),
    path("line/offers/", line.OffersPart.as_view(), name="offers"),
    path("line/<id:waitlistentry_id>/accept/", line.Accept.as_view(), name="accept"),
    path("line/<id:waitlistentry_id>/decline/", line.Decline.as_view(), name="decline"),
    path("line/<id:waitlistentry_id>/take-off/", line.TakeOff.as_view(), name="take-off"),
    path("hours/", hours.HoursPage.as_view(), name="hours"),
    path("hours/new/", hours.NewDoctorPage.as_view(), name="new_doctor"),
    path("hours/holidays/", holidays.HolidaysPage.as_view(), name="holidays"),
    path("hours/holidays/take-back/", holidays.TakeBack.as_view(), name="holidays_back"),
    path("hours/<id:doctor_id>/", hours.WeekPage.as_view(), name="week"),
    path("hours/<id:doctor_id>/take-back/", hours.TakeBack.as_view(), name="week_back"),
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
    path("mine/day-sheet/", mine.OwnDaySheet.as_view(), name="mine-day-sheet"),
    path("mine/leave/", mine.OwnLeave.as_view(), name="mine-leave"),
    path("mine/leave/<id:timeoff_id>/end/", mine.OwnLeaveEnd.as_view(), name="mine-leave-end"),
    path("import/", importing.ImportPage.as_view(), name="import"),
]
