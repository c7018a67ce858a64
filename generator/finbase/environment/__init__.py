"""An environment file → a validated `Environment`."""
