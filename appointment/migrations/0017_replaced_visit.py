from django.db import migrations, models
from django.db.models.deletion import DO_NOTHING


class Migration(migrations.Migration):
    dependencies = (("appointment", "0016_undone_and_kept"),)
    operations = (
        migrations.AddField(
            model_name="waitlistentry",
            name="replaces",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                help_text="A visit of the patient: accepting an offer moves it. Only earlier times "
                "fit.",
                null=True,
                on_delete=DO_NOTHING,
                related_name="replacing_entries",
                to="appointment.appointment",
            ),
        ),
        migrations.AddIndex(
            model_name="waitlistentry",
            index=models.Index(
                condition=models.Q(("replaces__isnull", False)),
                fields=["replaces"],
                name="appointment_waits_to_replace",
            ),
        ),
    )
