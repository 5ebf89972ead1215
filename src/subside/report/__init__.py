"""The report: one HTML file, and a PDF, that a railway owner reads."""
