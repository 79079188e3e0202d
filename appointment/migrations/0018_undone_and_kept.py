from django.db import migrations, models

UNDOABLE = (
    ("checked_in", "Checked in"),
    ("completed", "Completed"),
    ("no_show", "No-show"),
    ("canceled", "Canceled"),
)


class Migration(migrations.Migration):
    dependencies = (("appointment", "0017_event_zone_changed"),)
    operations = (
        migrations.AddField(
            model_name="appointment",
            name="closures_kept",
            field=models.SmallIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="Number of closures that hit the visit when staff kept it; another one "
                "flags it.",
            ),
        ),
        migrations.AddField(
            model_name="appointmentevent",
            name="undoes",
            field=models.CharField(
                blank=True,
                choices=UNDOABLE,
                db_default="",
                default="",
                help_text="What an event of the kind `undone` took back.",
                max_length=11,
            ),
        ),
        migrations.AlterField(
            model_name="appointmentevent",
            name="kind",
            field=models.CharField(
                choices=(
                    ("booked", "Booked"),
                    ("amended", "Amended"),
                    ("canceled", "Canceled"),
                    ("completed", "Completed"),
                    ("no_show", "No-show"),
                    ("rescheduled", "Rescheduled"),
                    ("checked_in", "Checked in"),
                    ("zone_changed", "Clocks changed"),
                    ("undone", "Undone"),
                    ("kept", "Kept as booked"),
                ),
                max_length=12,
            ),
        ),
    )
