"""Displacement series of sites: means, trend and season, lags behind rain and groundwater, changes, classes."""
