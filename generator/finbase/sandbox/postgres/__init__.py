"""A real PostgreSQL server behind each primary instance of the local RDS."""
