"""Files to model and back. No science here."""
