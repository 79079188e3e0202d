"""Keep a declined slot by its doctor and start, which outlive the row of the slot."""

from django.db import migrations, models
from django.db.models.deletion import CASCADE

TIME = ("doctor_id", "location_id", "starts_at")


def note_times(apps, schema_editor):
    """Copy doctor, location and start of each slot; of two rows for one time, keep the first."""
    DeclinedSlot = apps.get_model("appointment", "DeclinedSlot")
    slots = apps.get_model("doctor", "Slot").objects.in_bulk(
        set(DeclinedSlot.objects.values_list("slot", flat=True))
    )
    seen = set()
    for row in DeclinedSlot.objects.order_by("pk"):
        slot = slots.get(row.slot_id)
        time = slot and (row.patient_id, slot.doctor_id, slot.starts_at)
        if time is None or time in seen:
            row.delete()
            continue
        seen.add(time)
        for name in TIME:
            setattr(row, name, getattr(slot, name))
        row.save(update_fields=TIME)


def find_slots(apps, schema_editor):
    """Name the slot that has the doctor and start; delete the rows of which none has them."""
    DeclinedSlot = apps.get_model("appointment", "DeclinedSlot")
    Slot = apps.get_model("doctor", "Slot")
    for row in DeclinedSlot.objects.order_by("pk"):
        slot = Slot.objects.filter(doctor=row.doctor_id, starts_at=row.starts_at).first()
        if slot is None:
            row.delete()
        else:
            DeclinedSlot.objects.filter(pk=row.pk).update(slot=slot)


def reference(to, **options):
    return models.ForeignKey(db_constraint=False, on_delete=CASCADE, to=to, **options)


class Migration(migrations.Migration):
    dependencies = (
        ("appointment", "0014_event_after_deadline"),
        ("doctor", "0005_staff_of_a_site"),
    )
    operations = (
        migrations.AddField(
            "declinedslot", "doctor", reference("doctor.doctor", null=True, related_name="+")
        ),
        migrations.AddField(
            "declinedslot", "location", reference("doctor.location", null=True, related_name="+")
        ),
        migrations.AddField("declinedslot", "starts_at", models.DateTimeField(null=True)),
        migrations.RemoveConstraint(
            "declinedslot", "appointment_declined_once_per_patient_and_slot"
        ),
        migrations.AlterField(
            "declinedslot", "slot", reference("doctor.slot", null=True, related_name="declined_by")
        ),
        migrations.RunPython(note_times, find_slots),
        migrations.RemoveField("declinedslot", "slot"),
        migrations.AlterField(
            "declinedslot", "doctor", reference("doctor.doctor", related_name="+")
        ),
        migrations.AlterField(
            "declinedslot", "location", reference("doctor.location", related_name="+")
        ),
        migrations.AlterField("declinedslot", "starts_at", models.DateTimeField()),
        migrations.AddConstraint(
            "declinedslot",
            models.UniqueConstraint(
                fields=("patient", "doctor", "starts_at"),
                name="appointment_declined_once_per_patient_and_time",
                violation_error_code="already_declined",
                violation_error_message="The patient has declined this time already.",
            ),
        ),
    )
