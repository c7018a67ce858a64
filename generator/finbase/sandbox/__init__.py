"""A local AWS for rehearsals: moto, made to behave as AWS does where it does not."""
