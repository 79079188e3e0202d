"""The front desk may break the glass: at night nobody else is there to tell an ambulance."""

from django.db import migrations

NAME = "use_emergency_access"


def extend_group(apps, schema_editor):
    """Make the permission too: Django itself does so only after the last migration."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="patient", model="emergencyaccess"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind,
        codename=NAME,
        defaults={"name": "Can read a medical history in an emergency, with a reason"},
    )
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Reception")
    group.permissions.add(permission)


def reduce_group(apps, schema_editor):
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.filter(name="Reception"):
        group.permissions.remove(*Permission.objects.filter(codename=NAME))


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0006_long_locations"),
        ("patient", "0003_emergency_access"),
    )
    operations = (migrations.RunPython(extend_group, reduce_group),)
