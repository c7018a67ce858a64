"""The border at which RDS for PostgreSQL takes several volumes."""

from __future__ import annotations

from typing import Final

STRIPED: Final = 400
"""From this size in GiB on, RDS for PostgreSQL stripes a gp3 volume across four volumes."""
IOPS: Final = (12_000, 64_000)
"""The fewest and the most IOPS of a striped volume."""
