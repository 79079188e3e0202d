"""Triggers that queue the messages of webhooks."""

from django.db import migrations

from appointment.webhook_triggers import install, remove


class Migration(migrations.Migration):
    dependencies = [("appointment", "0040_webhooks"), ("doctor", "0014_lists_by_index")]

    operations = [migrations.RunPython(install, remove)]
