"""The front desk enters leave and keeps the line; it reads weekly hours, and writes them not."""

from django.db import migrations

MAY = {
    ("doctor", "timeoff"): ("view", "add", "change", "delete"),
    ("doctor", "weeklyhours"): ("view",),
    ("appointment", "waitlistentry"): ("view", "add", "change"),
}


def extend_group(apps, schema_editor):
    """Make the permissions too: Django itself does so only after the last migration."""
    ContentType = apps.get_model("contenttypes", "ContentType")
    Permission = apps.get_model("auth", "Permission")
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Reception")
    for (app_label, model), actions in MAY.items():
        kind, _ = ContentType.objects.get_or_create(app_label=app_label, model=model)
        for action in actions:
            permission, _ = Permission.objects.get_or_create(
                content_type=kind,
                codename=f"{action}_{model}",
                defaults={"name": f"Can {action} {model}"},
            )
            group.permissions.add(permission)


def reduce_group(apps, schema_editor):
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.filter(name="Reception"):
        for (app_label, model), actions in MAY.items():
            names = [f"{action}_{model}" for action in actions]
            theirs = Permission.objects.filter(
                content_type__app_label=app_label, codename__in=names
            )
            group.permissions.remove(*theirs)


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0003_lifecycle_waitlist_idempotency"),
        ("doctor", "0002_weekly_hours_time_off_rules"),
    )
    operations = (migrations.RunPython(extend_group, reduce_group),)
