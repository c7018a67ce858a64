"""What AWS and its provider are like, as data."""
