"""Give the tokens that exist their rows among the devices; last used, as far as is known, now."""

from django.db import migrations

AT_ONCE = 1000


def add(apps, schema_editor):
    tokens = apps.get_model("knox", "AuthToken").objects.filter(device=None)
    Device = apps.get_model("accounts", "Device")
    while batch := list(tokens[:AT_ONCE]):
        Device.objects.bulk_create(Device(token=token) for token in batch)


class Migration(migrations.Migration):
    dependencies = (("accounts", "0004_devices"),)
    operations = (migrations.RunPython(add, migrations.RunPython.noop),)
