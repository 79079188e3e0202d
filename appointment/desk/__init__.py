"""The desk: pages of the admin site for the reception's day and for the doctor's own."""
