"""The group of doctors who sign in at the admin: they see their own day, and no records."""

from django.db import migrations

GROUP, NAME = "Doctor", "view_own_day"


def make_group(apps, schema_editor):
    """Make the permission too: Django itself does so only after the last migration."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="appointment", model="appointment"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind,
        codename=NAME,
        defaults={"name": "Can see the own day as a doctor, in the admin"},
    )
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    group.permissions.add(permission)


def remove_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name=GROUP).delete()


class Migration(migrations.Migration):
    dependencies = (("appointment", "0024_view_own_day"),)
    operations = (migrations.RunPython(make_group, remove_group),)
