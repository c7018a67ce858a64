"""The tests of finbase."""
