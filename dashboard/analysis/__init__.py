"""Statistics for comparing sites: pure functions, frame in, frame out."""
