"""The machine: child processes, folders of the user, packages, progress, the day."""
