"""Note the slots that patients declined or let lapse, as far as their offers are still there."""

from django.db import migrations


def note(apps, schema_editor):
    offers = apps.get_model("appointment", "Offer").objects.filter(
        status__in=("declined", "expired")
    )
    DeclinedSlot = apps.get_model("appointment", "DeclinedSlot")
    pairs = offers.order_by().values_list("entry__patient", "slot").distinct()
    rows = [DeclinedSlot(patient_id=patient, slot_id=slot) for patient, slot in pairs]
    DeclinedSlot.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = (("appointment", "0012_declined_slots"),)
    operations = (migrations.RunPython(note, migrations.RunPython.noop),)
