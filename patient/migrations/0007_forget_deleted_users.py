"""Backwards: take the numbers of deleted accounts off emergency accesses, as the constraint asks."""

from django.conf import settings
from django.db import migrations
from django.db.models import Exists, OuterRef


def forget_deleted_users(apps, schema_editor):
    app_label, model = settings.AUTH_USER_MODEL.split(".")
    account = apps.get_model(app_label, model).objects.filter(pk=OuterRef("user_id"))
    accesses = apps.get_model("patient", "EmergencyAccess").objects
    accesses.filter(~Exists(account), user_id__isnull=False).update(user_id=None)


class Migration(migrations.Migration):
    dependencies = [
        ("patient", "0006_name_that_day"),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, forget_deleted_users),
    ]
