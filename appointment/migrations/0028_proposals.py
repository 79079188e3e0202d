from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("appointment", "0027_called"),)
    operations = (
        migrations.CreateModel(
            name="Proposal",
            fields=(
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("visit", models.BigIntegerField(help_text="Key of the visit.")),
                ("slot", models.BigIntegerField(help_text="Key of the slot.")),
                (
                    "number",
                    models.PositiveSmallIntegerField(
                        help_text="Numbers the proposals of one slot, which may have several "
                        "places."
                    ),
                ),
                (
                    "rank",
                    models.PositiveSmallIntegerField(help_text="0 is the best time of the visit."),
                ),
                ("until", models.DateTimeField(db_index=True)),
            ),
            options={
                "ordering": ("pk",),
                "default_permissions": (),
                "constraints": (
                    models.UniqueConstraint(
                        fields=("visit", "slot"),
                        name="appointment_proposal_once_per_visit_and_slot",
                        violation_error_code="proposed",
                        violation_error_message="This time is proposed for the visit already.",
                    ),
                    models.UniqueConstraint(
                        fields=("slot", "number"),
                        name="appointment_proposal_once_per_place",
                        violation_error_code="proposed",
                        violation_error_message="This time is proposed for another visit already.",
                    ),
                ),
            },
        ),
    )
