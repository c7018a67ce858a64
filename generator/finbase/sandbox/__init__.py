"""A local AWS for rehearsals, based on moto and corrected where moto differs from AWS."""
