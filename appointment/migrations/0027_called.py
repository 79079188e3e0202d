from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("appointment", "0026_words_of_staff"),)
    operations = (
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
                    ("called", "Called, no answer"),
                ),
                max_length=12,
            ),
        ),
    )
