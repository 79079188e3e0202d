"""The front desk takes people off the waitlist, those without an account too."""

from django.db import migrations

NAME = "delete_waitlistentry"


def extend_group(apps, schema_editor):
    """Make the permission too: Django itself does so only after the last migration."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="appointment", model="waitlistentry"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=NAME, defaults={"name": "Can delete waitlist entry"}
    )
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Reception")
    group.permissions.add(permission)


def reduce_group(apps, schema_editor):
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.filter(name="Reception"):
        theirs = Permission.objects.filter(content_type__app_label="appointment", codename=NAME)
        group.permissions.remove(*theirs)


class Migration(migrations.Migration):
    dependencies = (("appointment", "0017_replaced_visit"),)
    operations = (migrations.RunPython(extend_group, reduce_group),)
