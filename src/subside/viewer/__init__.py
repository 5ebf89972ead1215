"""The viewer: points on a map in a browser, without a network."""
