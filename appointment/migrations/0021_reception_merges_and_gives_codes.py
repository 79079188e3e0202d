"""The front desk merges records that were entered twice, and gives people the code for theirs."""

from django.db import migrations

MAY = {
    "merge_patient": "Can merge two records of one patient",
    "issue_claim_code": "Can give a patient the code that claims the record",
}


def extend_group(apps, schema_editor):
    """Make the permissions too: Django itself does so only after the last migration."""
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="patient", model="patient"
    )
    Permission = apps.get_model("auth", "Permission")
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name="Reception")
    for codename, name in MAY.items():
        permission, _ = Permission.objects.get_or_create(
            content_type=kind, codename=codename, defaults={"name": name}
        )
        group.permissions.add(permission)


def reduce_group(apps, schema_editor):
    Permission = apps.get_model("auth", "Permission")
    for group in apps.get_model("auth", "Group").objects.filter(name="Reception"):
        group.permissions.remove(*Permission.objects.filter(codename__in=MAY))


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0020_note_moved_visits"),
        ("patient", "0008_merged_records_and_claim_codes"),
    )
    operations = (migrations.RunPython(extend_group, reduce_group),)
