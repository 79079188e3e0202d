"""Backwards: take the numbers of deleted accounts off events, since the constraint refuses them."""

from django.conf import settings
from django.db import migrations
from django.db.models import Exists, OuterRef


def forget_deleted_actors(apps, schema_editor):
    app_label, model = settings.AUTH_USER_MODEL.split(".")
    account = apps.get_model(app_label, model).objects.filter(pk=OuterRef("actor_id"))
    events = apps.get_model("appointment", "AppointmentEvent").objects
    events.filter(~Exists(account), actor_id__isnull=False).update(actor_id=None)


class Migration(migrations.Migration):
    dependencies = [
        ("appointment", "0008_name_that_day"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, forget_deleted_actors),
    ]
