import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0035_visits_of_a_patient"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    )
    operations = (
        migrations.CreateModel(
            name="CalendarFeed",
            fields=(
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("patient", "Visits of a patient and dependents"),
                            ("doctor", "Visits with a doctor"),
                        ],
                        max_length=7,
                        verbose_name="kind",
                    ),
                ),
                ("digest", models.CharField(editable=False, max_length=64)),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="calendar_feeds",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="account",
                    ),
                ),
            ),
            options={
                "verbose_name": "calendar feed",
                "verbose_name_plural": "calendar feeds",
                "ordering": ("-created_at", "-pk"),
                "default_permissions": ("view", "delete"),
                "constraints": (
                    models.UniqueConstraint(
                        fields=("digest",),
                        name="appointment_calendarfeed_digest_unique",
                        violation_error_code="unique",
                        violation_error_message="There is such a feed already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(kind__in=("patient", "doctor")),
                        name="appointment_calendarfeed_kind_known",
                        violation_error_code="kind",
                        violation_error_message="The kind is none of those there are.",
                    ),
                ),
            },
        ),
    )
