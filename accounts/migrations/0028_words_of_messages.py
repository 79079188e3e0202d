"""Name the fields of messages in the language of their readers; no column changes."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.fields
from extensions.db.state import StateOnly


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0027_words_of_fields"),
    ]

    operations = [
        StateOnly(
            state_operations=[
                migrations.AlterModelOptions(
                    name="notificationchoice",
                    options={
                        "verbose_name": "notification choice",
                        "verbose_name_plural": "notification choices",
                    },
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="address",
                    field=accounts.fields.EmailField(
                        blank=True, default="", max_length=254, verbose_name="address"
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="attempts",
                    field=models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="cause",
                    field=models.BigIntegerField(
                        help_text="Key of the event of the visit, or of the offer, that it tells of.",
                        null=True,
                        verbose_name="number of the event",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="channel",
                    field=models.CharField(
                        blank=True,
                        db_default="email",
                        default="",
                        help_text="Empty until it is known which ones the person has chosen.",
                        max_length=5,
                        verbose_name="channel",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="copy",
                    field=models.PositiveSmallIntegerField(
                        db_default=0,
                        default=0,
                        help_text="How often staff had sent it again before.",
                        verbose_name="copy",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="created_at",
                    field=models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="created at"
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="due_at",
                    field=models.DateTimeField(
                        default=django.utils.timezone.now,
                        help_text="Not to be tried before.",
                        verbose_name="due at",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="expires_at",
                    field=models.DateTimeField(
                        help_text="Of no use from then on.", null=True, verbose_name="expires at"
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="failure",
                    field=models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Why the last try failed; without an address.",
                        max_length=200,
                        verbose_name="failure",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="given_up_at",
                    field=models.DateTimeField(null=True, verbose_name="given up at"),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="kind",
                    field=models.CharField(max_length=32, verbose_name="kind"),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="location",
                    field=models.BigIntegerField(
                        help_text="Key of the location of the visit.",
                        null=True,
                        verbose_name="number of the location",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="object_id",
                    field=models.BigIntegerField(
                        help_text="Key of the visit, offer or doctor that it is about.",
                        null=True,
                        verbose_name="number of the visit, offer or doctor",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="receipt",
                    field=models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="What the server that accepted it calls it.",
                        max_length=200,
                        verbose_name="receipt",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="sent_at",
                    field=models.DateTimeField(null=True, verbose_name="sent at"),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="settled_at",
                    field=models.DateTimeField(
                        help_text="When staff told the person by telephone instead.",
                        null=True,
                        verbose_name="settled at",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="tried_at",
                    field=models.DateTimeField(
                        help_text="When it was last tried.", null=True, verbose_name="tried at"
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="user",
                    field=models.ForeignKey(
                        db_constraint=False,
                        help_text="The account that it is about or for; NULL for what an address asked for.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="account",
                    ),
                ),
                migrations.AlterField(
                    model_name="outgoingmessage",
                    name="waits",
                    field=models.BooleanField(
                        help_text="True until it is sent or given up, then NULL, which the constraint leaves out.",
                        null=True,
                        verbose_name="waits",
                    ),
                ),
            ]
        ),
    ]
