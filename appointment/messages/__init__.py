"""The messages about visits: what each kind says, to whom, and whether it still stands.

The verbs queue them in their transactions (`Appointment.messages_of`, `Offer`); the worker sends
them. See docs/messages.md.
"""

from appointment.messages.kinds import KINDS

__all__ = ["KINDS"]
