"""Queue notices for the owners of accounts, and remember by name the devices that signed in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_password_changed_at"),
    ]

    operations = [
        migrations.AddField(
            model_name="outgoingmail",
            name="user",
            field=models.ForeignKey(
                db_constraint=False,
                help_text="The account that a notice is about; NULL for what an address asked for.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="outgoingmail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("verification", "Verification"),
                    ("password_reset", "Password Reset"),
                    ("password_changed", "Password Changed"),
                    ("new_device", "New Device"),
                    ("address_changed", "Address Changed"),
                ],
                max_length=32,
            ),
        ),
        migrations.CreateModel(
            name="KnownDevice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("last_seen_at", models.DateTimeField(help_text="When it last signed in.")),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="known_devices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "name"),
                        name="accounts_knowndevice_unique",
                        violation_error_code="unique",
                        violation_error_message="The account knows this device.",
                    )
                ],
            },
        ),
    ]
