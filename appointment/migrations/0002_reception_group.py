"""The group of the front desk: books and keeps sessions, reads no medical history."""

from django.db import migrations

MAY = {
    ("patient", "patient"): ("view", "add", "change"),
    ("appointment", "appointment"): ("view", "add", "change"),
    ("doctor", "schedule"): ("view", "add", "change"),
    ("doctor", "doctor"): ("view",),
    ("doctor", "location"): ("view",),
}


def make_group(apps, schema_editor):
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


def remove_group(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name="Reception").delete()


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    )
    operations = (migrations.RunPython(make_group, remove_group),)
