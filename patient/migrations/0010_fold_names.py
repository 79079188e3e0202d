"""Compute the keys of names and the words of patients, a thousand patients in a transaction.

It reads those without a key only, so that one that was interrupted goes on where it ended. What the
code of the release before writes meanwhile, `manage.py repair_names` mends.
"""

from django.db import migrations, transaction

from extensions.db.names import FoldedField
from patient.models.word import texts_of

PATIENTS = 1000


def fold_names(apps, schema_editor):
    alias = schema_editor.connection.alias
    patients = apps.get_model("patient", "Patient").objects.using(alias)
    words = apps.get_model("patient", "PatientWord")
    last = 0
    while last is not None:
        with transaction.atomic(using=alias):
            rows = patients.filter(last_name_key="", pk__gt=last).order_by("pk")
            batch = list(rows.select_for_update(no_key=True)[:PATIENTS])
            fold_batch(patients, words, alias, batch)
        last = batch[-1].pk if batch else None


def fold_batch(patients, words, alias, batch):
    fields = [field for field in patients.model._meta.fields if isinstance(field, FoldedField)]
    for patient in batch:
        for field in fields:
            setattr(patient, field.attname, field.key_of(patient))
    patients.bulk_update(batch, [field.attname for field in fields], batch_size=250)
    known = words.objects.using(alias)
    known.filter(patient__in=[patient.pk for patient in batch]).delete()
    known.bulk_create(
        [words(patient=patient, text=text) for patient in batch for text in texts_of(patient)],
        batch_size=5000,
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("patient", "0009_name_keys")]

    operations = [migrations.RunPython(fold_names, migrations.RunPython.noop, elidable=True)]
