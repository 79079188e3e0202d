"""Drop the indexes of keys with which a longer index begins: that one serves what they served."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from extensions.db.indexes import DropKeyIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("doctor", "0015_free_slots_by_start"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        DropKeyIndexWhileWriting(
            model_name="sitestaff",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                help_text="A member of staff. One who works at several sites has a row for each.",
                limit_choices_to={"is_staff": True},
                on_delete=django.db.models.deletion.PROTECT,
                related_name="site_memberships",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        DropKeyIndexWhileWriting(
            model_name="timeoff",
            name="doctor",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="time_off",
                to="doctor.doctor",
            ),
        ),
        DropKeyIndexWhileWriting(
            model_name="timeoff",
            name="location",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="time_off",
                to="doctor.location",
            ),
        ),
    ]
