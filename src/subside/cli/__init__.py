"""Command line: built from the stage catalogue and the parameter models."""
