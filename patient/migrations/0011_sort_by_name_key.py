"""The index of the key that patients are sorted by, made while others write to the table."""

from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting


def count_more(apps, schema_editor):
    """Let PostgreSQL count finer: the beginnings of names are far from equally common."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "ALTER TABLE patient_patientword ALTER COLUMN text SET STATISTICS 1000"
        )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("patient", "0010_fold_names")]

    operations = [
        migrations.RunPython(count_more, migrations.RunPython.noop, elidable=True),
        migrations.AlterModelOptions(
            name="patient",
            options={
                "ordering": ("last_name_key", "first_name_key", "pk"),
                "permissions": (
                    ("merge_patient", "Can merge two records of one patient"),
                    ("issue_claim_code", "Can give a patient the code that claims the record"),
                ),
            },
        ),
        AddIndexWhileWriting(
            model_name="patient",
            index=models.Index(
                fields=["last_name_key", "first_name_key", "id"], name="patient_patient_name_keys"
            ),
        ),
    ]
