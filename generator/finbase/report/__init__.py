"""Format results as text, JSON, JUnit XML, SARIF, HTML, SVG and Mermaid."""
