"""A railway or any other line: chainage, coverage, profile, zones, slopes, limits."""
