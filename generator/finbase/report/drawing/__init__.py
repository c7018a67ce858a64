"""Diagrams of a plan, as SVG and as Mermaid."""
