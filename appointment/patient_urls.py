"""Paths of patients whose views need appointments."""

from django.urls import path

from appointment import views

urlpatterns = [path("export/", views.ExportView.as_view(), name="export")]
