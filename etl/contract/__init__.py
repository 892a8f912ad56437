"""The data contract: what a member site tells the network, in the network's words."""
