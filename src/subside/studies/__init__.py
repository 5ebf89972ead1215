"""Studies: points in, tables, figures and a summary out; one module a command."""
