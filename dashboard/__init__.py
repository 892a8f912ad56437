"""The dashboard: what the network sees of itself, and under which rules."""
