"""Sentences of extensions in Spanish, also where fields are made once for all calls."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from extensions.csv_files import Table
from extensions.exceptions import DomainError
from extensions.rest.fields import TextField
from extensions.rest.serializers import SharedBodySerializer


class Body(SharedBodySerializer):
    name = TextField(max_length=3)


def fault(language: str) -> Any:
    with override(language):
        body = Body(data={"name": "Lucía"})
        assert not body.is_valid()
        return str(body.errors["name"][0])


def test_a_shared_field_answers_each_call_in_its_language() -> None:
    english = fault("en")
    assert "no more than 3 characters" in english
    assert "más de 3 caracteres" in fault("es")
    assert fault("en") == english


def test_an_error_keeps_the_language_in_which_it_was_raised() -> None:
    with override("es"):
        error = DomainError()
    assert (error.message, error.staff_message) == ("El cambio se ha rechazado.",) * 2
    assert str(error) == error.message


def test_a_file_is_refused_in_spanish_with_its_plural() -> None:
    with override("es"), pytest.raises(ValidationError) as refused:
        Table(b"external_id,x,y\n1,2,3\n", ("external_id",), ())
    sentence = "Columnas desconocidas: “x”, “y”. Las columnas son: external_id."
    assert refused.value.messages == [sentence]
