"""Run checkov and Trivy on modules, stacks and plans: ``make judge``."""
