"""Let the queue of mails carry messages about visits too, by any channel.

The table keeps its name and its columns: the previous version goes on with its mails.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import accounts.fields


class Migration(migrations.Migration):
    dependencies = [("accounts", "0020_index_of_devices_user")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel("OutgoingMail", "OutgoingMessage"),
                migrations.AlterModelTable("OutgoingMessage", "accounts_outgoingmail"),
            ]
        ),
        migrations.AddField(
            "OutgoingMessage",
            "channel",
            models.CharField(
                blank=True,
                db_default="email",
                default="",
                help_text="Empty until it is known which ones the person has chosen.",
                max_length=5,
            ),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "object_id",
            models.BigIntegerField(
                help_text="Key of the visit, offer or doctor that it is about.", null=True
            ),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "cause",
            models.BigIntegerField(
                help_text="Key of the event of the visit, or of the offer, that it tells of.",
                null=True,
            ),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "location",
            models.BigIntegerField(help_text="Key of the location of the visit.", null=True),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "copy",
            models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="How often staff had sent it again before."
            ),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "expires_at",
            models.DateTimeField(help_text="Of no use from then on.", null=True),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "failure",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Why the last try failed; without an address.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "receipt",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What the server that accepted it calls it.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            "OutgoingMessage",
            "settled_at",
            models.DateTimeField(
                help_text="When staff told the person by telephone instead.", null=True
            ),
        ),
        migrations.AlterField(
            "OutgoingMessage",
            "address",
            accounts.fields.EmailField(blank=True, default="", max_length=254),
        ),
        migrations.AlterField(
            "OutgoingMessage",
            "created_at",
            models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AlterField("OutgoingMessage", "kind", models.CharField(max_length=32)),
        migrations.AlterField(
            "OutgoingMessage",
            "user",
            models.ForeignKey(
                db_constraint=False,
                help_text="The account that it is about or for; NULL for what an address asked "
                "for.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
