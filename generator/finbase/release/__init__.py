"""Released versions: what they offer, what may change, that they do not."""
