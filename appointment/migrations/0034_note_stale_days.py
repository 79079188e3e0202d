"""Triggers that note which day that is over has changed."""

from django.db import migrations

from appointment.day_triggers import install, remove


class Migration(migrations.Migration):
    dependencies = [("appointment", "0033_day_totals"), ("doctor", "0014_lists_by_index")]

    operations = [migrations.RunPython(install, remove)]
