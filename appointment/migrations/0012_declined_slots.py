from django.db import migrations, models
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0011_one_open_offer_per_account"),
        ("doctor", "0002_weekly_hours_time_off_rules"),
        ("patient", "0003_emergency_access"),
    )
    operations = (
        migrations.CreateModel(
            name="DeclinedSlot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=CASCADE,
                        related_name="declined_slots",
                        to="patient.patient",
                    ),
                ),
                (
                    "slot",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=CASCADE,
                        related_name="declined_by",
                        to="doctor.slot",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("patient", "slot"),
                        name="appointment_declined_once_per_patient_and_slot",
                        violation_error_code="already_declined",
                        violation_error_message="The patient has declined this time already.",
                    )
                ],
            },
        ),
    )
