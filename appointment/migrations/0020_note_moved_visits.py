"""Note which visits have been moved, as their events say."""

from django.db import migrations

BATCH = 1000  # visits in one UPDATE, each a transaction of its own


def note(apps, schema_editor):
    visits = apps.get_model("appointment", "Appointment").objects
    events = apps.get_model("appointment", "AppointmentEvent").objects.filter(kind="rescheduled")
    keys = events.order_by("appointment").values_list("appointment", flat=True).distinct()
    batch = list(keys[:BATCH])
    while batch:
        visits.filter(pk__in=batch).update(moved=True)
        batch = list(keys.filter(appointment__gt=batch[-1])[:BATCH])


class Migration(migrations.Migration):
    atomic = False
    dependencies = (("appointment", "0019_moved"),)
    operations = (migrations.RunPython(note, migrations.RunPython.noop),)
