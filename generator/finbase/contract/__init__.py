"""Read module contracts, and find the released versions of each module."""
