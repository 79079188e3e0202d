"""Why somebody broke the glass, and until when."""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patient", "0002_dependents"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EmergencyAccess",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reason",
                    models.TextField(
                        help_text="Why it cannot wait. The patient sees that there was an emergency access, and those who review it read this.",
                        max_length=4000,
                        validators=[django.core.validators.MaxLengthValidator(4000)],
                    ),
                ),
                (
                    "began_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="began"
                    ),
                ),
                ("expires_at", models.DateTimeField(editable=False, verbose_name="ends by itself")),
                ("ended_at", models.DateTimeField(editable=False, null=True, verbose_name="ended")),
                (
                    "patient",
                    models.ForeignKey(
                        help_text="Empty once the person has been erased.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="emergency_accesses",
                        to="patient.patient",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "emergency access",
                "verbose_name_plural": "emergency accesses",
                "ordering": ("-began_at", "-pk"),
                "permissions": (
                    (
                        "use_emergency_access",
                        "Can read a medical history in an emergency, with a reason",
                    ),
                ),
                "default_permissions": ("view",),
            },
        ),
    ]
