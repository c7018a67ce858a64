"""The life of a stack on a local AWS."""
