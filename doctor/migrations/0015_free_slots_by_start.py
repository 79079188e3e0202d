"""The index of the slots that may be free, by start, made while others write to the table."""

from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("doctor", "0014_lists_by_index")]

    operations = [
        AddIndexWhileWriting(
            model_name="slot",
            index=models.Index(
                condition=models.Q(
                    models.Q(
                        ("taken__lt", models.F("capacity")),
                        ("hold_lapses_at__isnull", False),
                        _connector="OR",
                    ),
                    ("is_open", True),
                ),
                fields=["starts_at", "id"],
                name="doctor_slot_free_start",
            ),
        ),
    ]
