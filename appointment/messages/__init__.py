"""The messages about visits: what each kind says, to whom, and whether it still stands.

The verbs queue them in their transactions (`Appointment.messages_of`, `Offer`); the worker sends
them. See docs/messages.md.
"""

from appointment.messages.daysheets import DaySheet
from appointment.messages.kinds import KINDS as OF_PATIENTS

KINDS = (*OF_PATIENTS, DaySheet())

__all__ = ["KINDS"]
