"""Compute the keys of the names of doctors."""

from django.db import migrations

from extensions.db.names import FoldedField


def fold_names(apps, schema_editor):
    doctors = apps.get_model("doctor", "Doctor").objects.using(schema_editor.connection.alias)
    fields = [field for field in doctors.model._meta.fields if isinstance(field, FoldedField)]
    for doctor in doctors.filter(last_name_key="").iterator(chunk_size=1000):
        keys = {field.attname: field.key_of(doctor) for field in fields}
        doctors.filter(pk=doctor.pk).update(**keys)


class Migration(migrations.Migration):
    dependencies = [("doctor", "0009_name_keys")]

    operations = [migrations.RunPython(fold_names, migrations.RunPython.noop, elidable=True)]
