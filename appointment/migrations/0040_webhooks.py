"""Webhooks and their messages."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("appointment", "0039_words_of_fields"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("url", models.CharField(max_length=500, verbose_name="address")),
                (
                    "events",
                    models.CharField(
                        help_text="Types of event, separated by spaces.",
                        max_length=200,
                        verbose_name="events",
                    ),
                ),
                ("secret", models.CharField(editable=False, max_length=64)),
                ("previous_secret", models.CharField(blank=True, editable=False, max_length=64)),
                (
                    "previous_until",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="both secrets sign until"
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "disabled_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="disabled at"),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("by_staff", "Switched off by staff"),
                            ("gone", "The receiver answered 410: it wants no more"),
                            ("failing", "Every attempt of a day failed"),
                        ],
                        default="",
                        editable=False,
                        max_length=8,
                        verbose_name="disabled because",
                    ),
                ),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, editable=False, verbose_name="failures in a row"
                    ),
                ),
                (
                    "failing_since",
                    models.DateTimeField(editable=False, null=True, verbose_name="failing since"),
                ),
                (
                    "paused_until",
                    models.DateTimeField(editable=False, null=True, verbose_name="paused until"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="created at"
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks",
                "ordering": ("pk",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("url",),
                        name="appointment_webhook_once_per_url",
                        violation_error_code="unique",
                        violation_error_message="There is a webhook with this address already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("events", ""), _negated=True),
                        name="appointment_webhook_has_events",
                        violation_error_code="required",
                        violation_error_message="Choose at least one event.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "due_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, help_text="Not to be tried before."
                    ),
                ),
                (
                    "expires_at",
                    models.DateTimeField(help_text="Of no use from then on.", null=True),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("tried_at", models.DateTimeField(help_text="When it was last tried.", null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("given_up_at", models.DateTimeField(null=True)),
                (
                    "failure",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Why the last try failed; without an address.",
                        max_length=200,
                    ),
                ),
                (
                    "event_type",
                    models.CharField(
                        choices=[
                            ("appointment.booked", "Visit booked"),
                            ("appointment.moved", "Visit moved"),
                            ("appointment.canceled", "Visit canceled"),
                            ("appointment.checked_in", "Patient checked in"),
                            ("appointment.completed", "Visit completed"),
                            ("appointment.no_show", "No-show"),
                            ("appointment.undone", "Last change undone"),
                            ("waitlist.offered", "Place offered"),
                            ("webhook.test", "Test"),
                        ],
                        max_length=24,
                        verbose_name="event",
                    ),
                ),
                (
                    "message_id",
                    models.UUIDField(
                        default=uuid.uuid4, unique=True, verbose_name="id of the message"
                    ),
                ),
                ("occurred_at", models.DateTimeField(verbose_name="happened at")),
                ("event", models.BigIntegerField(null=True, verbose_name="event of the visit")),
                ("visit", models.BigIntegerField(null=True, verbose_name="visit")),
                ("offer", models.BigIntegerField(null=True, verbose_name="offer")),
                ("entry", models.BigIntegerField(null=True, verbose_name="entry of the waitlist")),
                ("slot", models.BigIntegerField(null=True, verbose_name="time")),
                ("doctor", models.BigIntegerField(null=True, verbose_name="doctor")),
                ("location", models.BigIntegerField(null=True, verbose_name="location")),
                ("patient", models.BigIntegerField(null=True, verbose_name="patient")),
                (
                    "status",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=9, verbose_name="status"
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="deliveries",
                        to="appointment.webhook",
                        verbose_name="webhook",
                    ),
                ),
            ],
            options={
                "verbose_name": "message of a webhook",
                "verbose_name_plural": "messages of webhooks",
                "ordering": ("-occurred_at", "-pk"),
                "default_permissions": ("view", "change"),
                "indexes": [
                    models.Index(
                        condition=models.Q(("given_up_at", None), ("sent_at", None)),
                        fields=["webhook", "due_at"],
                        name="delivery_due",
                    ),
                    models.Index(
                        condition=models.Q(("given_up_at", None), ("sent_at", None)),
                        fields=["webhook", "visit", "id"],
                        name="delivery_of_visit",
                    ),
                    models.Index(
                        fields=["webhook", "-occurred_at", "-id"], name="delivery_of_webhook"
                    ),
                    models.Index(fields=["-occurred_at", "-id"], name="delivery_occurred"),
                ],
            },
        ),
    ]
