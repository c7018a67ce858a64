"""Create new modules, environments and pipelines."""
