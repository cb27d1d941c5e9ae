"""Properties that hold for any bytes, and inputs that once violated them."""
