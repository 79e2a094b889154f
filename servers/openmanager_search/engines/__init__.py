"""Search engines, each behind the protocol of `base`."""
