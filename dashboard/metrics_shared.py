"""Words that many declarations share: who answers, since when, what is left out."""

from datetime import date

QUALITY = "quality group"
CAPACITY = "capacity group"
DATA = "data group"
REVIEWED = date(2026, 11, 2)
NOT_IN_RATES = "validation and engineering batches, sites that are not yet GMP"
