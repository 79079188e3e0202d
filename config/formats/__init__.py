"""How the admin writes instants: with their time zone, since clinics are in several."""
