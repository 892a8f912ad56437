"""What would happen if: a seeded, event-driven simulation of the network. Pure.

Arrays and frames in, arrays and frames out; nothing here reads or writes anything.
"""
