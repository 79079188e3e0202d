"""The action of the audit trail for records that are merged."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_known_devices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("read", "Read"),
                    ("create", "Create"),
                    ("change", "Change"),
                    ("delete", "Delete"),
                    ("erase", "Erase"),
                    ("export", "Export"),
                    ("merge", "Merge"),
                ],
                max_length=6,
            ),
        ),
    ]
