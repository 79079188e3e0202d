"""Remember the devices that are signed in, so that none of them counts as new the next time."""

from django.db import migrations

AT_ONCE = 1000


def remember(apps, schema_editor):
    devices = apps.get_model("accounts", "Device").objects.exclude(
        token__user__email_verified_at=None
    )
    KnownDevice = apps.get_model("accounts", "KnownDevice")
    last = 0
    while batch := list(
        devices.filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", "token__user_id", "name", "last_used_at")[:AT_ONCE]
    ):
        KnownDevice.objects.bulk_create(
            (
                KnownDevice(user_id=user, name=name, last_seen_at=used)
                for _, user, name, used in batch
            ),
            ignore_conflicts=True,
        )
        last = batch[-1][0]


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_notices"),
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [migrations.RunPython(remember, migrations.RunPython.noop)]
