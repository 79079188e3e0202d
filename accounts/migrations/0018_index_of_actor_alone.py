"""Drop the index of the actor alone: the one of actor and time serves what it served."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from extensions.db.indexes import DropKeyIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0017_lists_by_index")]

    operations = [
        DropKeyIndexWhileWriting(
            model_name="auditevent",
            name="actor",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
