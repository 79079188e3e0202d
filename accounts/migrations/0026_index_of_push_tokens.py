"""Index the devices with a push token by it, to find the other device that had it."""

from django.db import migrations, models

from extensions.db.indexes import AddIndexWhileWriting


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("accounts", "0025_languages_choices_and_push_tokens")]

    operations = [
        AddIndexWhileWriting(
            "Device",
            models.Index(
                condition=models.Q(("push_token__gt", "")),
                fields=["push_token"],
                name="accounts_device_push_token",
            ),
        ),
    ]
