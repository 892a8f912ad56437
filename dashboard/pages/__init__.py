"""The pages, one file each: `register(__name__, Page(...))` is a whole page."""
