"""What must hold for any bytes at all, and inputs for which it once did not."""
