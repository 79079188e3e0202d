"""Paths of doctors whose views need appointments."""

from django.urls import path

from appointment import views

urlpatterns = [
    path("doctors/<id:doctor_id>/available-slots/", views.AvailableSlotsView.as_view()),
]
