"""What moving a pin does."""
