"""The requests that AWS refuses: by its service models, and by a table of further rules."""
