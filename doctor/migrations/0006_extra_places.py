from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = (("doctor", "0005_staff_of_a_site"),)
    operations = (
        migrations.AddField(
            model_name="slot",
            name="extra_places",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="Places that staff have added to this time alone; they count in the "
                "capacity.",
            ),
        ),
        migrations.AddConstraint(
            model_name="slot",
            constraint=models.CheckConstraint(
                condition=Q(extra_places__gte=0, extra_places__lte=F("capacity")),
                name="doctor_slot_extra_places_within_capacity",
                violation_error_code="extra_places",
                violation_error_message="The places that staff have added count in the capacity.",
            ),
        ),
    )
