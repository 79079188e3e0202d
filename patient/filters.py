"""Query parameters of a patient's record."""

from django_filters import rest_framework as filters

from accounts.filters import IdFilter
from patient.models import MedicalHistory


class MedicalHistoryFilter(filters.FilterSet):
    """Narrow the history by whose and what it is and whether it still matters."""

    patient = IdFilter(field_name="patient", help_text="Id of one's own profile or of a dependent.")
    kind = filters.ChoiceFilter(choices=MedicalHistory.Kind.choices)
    status = filters.ChoiceFilter(choices=MedicalHistory.Status.choices)

    class Meta:
        model = MedicalHistory
        fields = ("patient", "kind", "status")
