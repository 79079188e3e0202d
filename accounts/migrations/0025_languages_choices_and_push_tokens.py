"""Add the language of an account, its choices of messages, and the push tokens of its devices."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0024_messages_by_urgency"),
        migrations.swappable_dependency(settings.KNOX_TOKEN_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NotificationChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=32)),
                ("email", models.BooleanField()),
                ("sms", models.BooleanField()),
                ("push", models.BooleanField()),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notification_choices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "kind"),
                        name="accounts_notificationchoice_unique",
                        violation_error_code="unique",
                        violation_error_message="The account has chosen this already.",
                    )
                ]
            },
        ),
        migrations.AddField(
            model_name="device",
            name="push_token",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="By which the provider of push messages knows the app on the device; or "
                "empty.",
                max_length=1000,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=10,
                verbose_name="language",
            ),
        ),
    ]
