"""Let doctors choose to get the sheet of their day by mail."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("doctor", "0017_reminders_and_quiet_hours")]

    operations = [
        migrations.AddField(
            model_name="doctor",
            name="wants_daysheet",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Each morning with visits, at the address of the account.",
                verbose_name="day sheet by mail",
            ),
        ),
    ]
