"""Query parameters of a patient's record."""

from django_filters import rest_framework as filters

from patient.models import MedicalHistory


class MedicalHistoryFilter(filters.FilterSet):
    """Narrow the history by what it is and whether it still matters."""

    kind = filters.ChoiceFilter(choices=MedicalHistory.Kind.choices)
    status = filters.ChoiceFilter(choices=MedicalHistory.Status.choices)

    class Meta:
        model = MedicalHistory
        fields = ("kind", "status")
