"""A verdict for people and for machines: terminal, JUnit XML, JSON."""
