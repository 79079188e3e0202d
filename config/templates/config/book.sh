{% autoescape off %}
CLINIC={{ base }}
TOKEN=$(curl -sS "$CLINIC/api/auth/login/" -H 'Content-Type: application/json' \
  -d '{"email": "{{ email }}", "password": "{{ password }}"}' | sed 's/.*"token": *"\([^"]*\)".*/\1/')
SCHEDULE=$(curl -sS "$CLINIC/api/doctor/doctors/{{ doctor }}/available-slots/" | sed 's/.*"schedule": *\([0-9]*\).*/\1/')
curl -sS -w '\n' "$CLINIC/api/appointment/book/{{ doctor }}/" -H 'Content-Type: application/json' \
  -H "Authorization: Token $TOKEN" -d '{"schedule_id": '"$SCHEDULE"', "reason": "Check-up"}'
{% endautoescape %}
