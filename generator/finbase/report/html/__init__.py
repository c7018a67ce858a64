"""The evidence report, one HTML file for auditors."""
