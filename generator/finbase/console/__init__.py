"""How commands speak on a terminal."""
