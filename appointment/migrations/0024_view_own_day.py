from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("appointment", "0023_reception_takes_entries_off"),)
    operations = (
        migrations.AlterModelOptions(
            name="appointment",
            options={
                "ordering": ("-starts_at", "-pk"),
                "permissions": (("view_own_day", "Can see the own day as a doctor, in the admin"),),
            },
        ),
    )
