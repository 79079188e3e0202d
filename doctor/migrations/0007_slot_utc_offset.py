"""Slots note the wall time that was promised. Old code leaves the column empty, which is allowed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("doctor", "0006_end_at_midnight"),)
    operations = (
        migrations.AddField(
            model_name="slot",
            name="utc_offset",
            field=models.SmallIntegerField(
                editable=False,
                help_text="Minutes that the clocks there were ahead of UTC at its start, when it "
                "was made: the wall time that was promised. Empty in a slot of an earlier release.",
                null=True,
            ),
        ),
    )
