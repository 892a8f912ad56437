"""From a site's bundle to a published snapshot: what rows mean, and which are good."""
