"""An account has one open offer of a slot. Old code leaves the column empty, which is allowed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("appointment", "0010_offer_account"),)
    operations = (
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open")),
                fields=("slot", "account"),
                name="appointment_offer_one_open_per_slot_and_account",
                violation_error_code="open_offer",
                violation_error_message="The account has an open offer of this time already.",
            ),
        ),
    )
