"""The project's folder: its files, written all or not at all, and its git history."""
