"""Find outdated module versions and preview an upgrade."""
