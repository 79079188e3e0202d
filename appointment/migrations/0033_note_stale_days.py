"""Triggers that note which day that is over has changed."""

from django.db import migrations

from appointment.day_triggers import install, remove


class Migration(migrations.Migration):
    dependencies = [("appointment", "0032_day_totals"), ("doctor", "0014_practises")]

    operations = [migrations.RunPython(install, remove)]
