"""The front desk sees the messages about visits, and has them sent again."""

from django.db import migrations

NAMES = {
    "view_outgoingmessage": "Can view message",
    "change_outgoingmessage": "Can change message",
}


def extend_group(apps, schema_editor):
    """Make the permissions too: Django itself does so only after the last migration."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="accounts", model="outgoingmessage"
    )
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Reception")
    for name, text in NAMES.items():
        permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
            content_type=kind, codename=name, defaults={"name": text}
        )
        group.permissions.add(permission)


def reduce_group(apps, schema_editor):
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.filter(name="Reception"):
        theirs = Permission.objects.filter(
            content_type__app_label="accounts", codename__in=list(NAMES)
        )
        group.permissions.remove(*theirs)


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0037_worker_heartbeat"),
        ("accounts", "0021_outgoing_messages"),
    )
    operations = (migrations.RunPython(extend_group, reduce_group),)
