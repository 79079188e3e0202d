"""Settings of drf-spectacular: the head of the OpenAPI document, and Swagger UI."""

SPECTACULAR_SETTINGS = {
    "TITLE": "Clinic appointments",
    "DESCRIPTION": (
        "Find a doctor, see free slots, book and cancel. Errors are RFC 9457 problems whose `code` "
        "says what happened; instants carry the offset of the clinic's time zone."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PARSER_WHITELIST": ["config.parsers.JSONParser"],  # only the browsable API sends forms
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}},
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "config.openapi.complete",
    ],
    "ENUM_NAME_OVERRIDES": {
        "FeedKindEnum": "appointment.models.CalendarFeed.Kind",
        "EventKindEnum": "appointment.models.AppointmentEvent.Kind",
        "HistoryKindEnum": "patient.models.MedicalHistory.Kind",
        "AppointmentStatusEnum": "appointment.models.Status",
        "WaitlistStatusEnum": "appointment.models.WaitlistStatus",
        "OfferStatusEnum": "appointment.models.OfferStatus",
        "MedicalHistoryStatusEnum": "patient.models.MedicalHistory.Status",
    },
    "SERVERS": [{"url": "/", "description": "This server."}],
    "TAGS": [
        {
            "name": "appointment",
            "description": "Visits, the waitlist, the work list and calendars.",
        },
        {"name": "auth", "description": "Accounts, devices and mailed tokens."},
        {"name": "doctor", "description": "Doctors, their hours and their free slots."},
        {"name": "patient", "description": "Profiles, dependents and medical history."},
    ],
    "SCHEMA_PATH_PREFIX": "/api/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # A token that the browser kept would open the next user of the computer the record.
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "validatorUrl": None},
}
