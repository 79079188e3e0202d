"""Drop the index of a known device's user: its unique constraint begins with the user."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from extensions.db.indexes import DropKeyIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0019_lists_of_packages")]

    operations = [
        DropKeyIndexWhileWriting(
            model_name="knowndevice",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="known_devices",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
