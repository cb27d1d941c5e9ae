"""What a SOURCE is: finding pages and indexes, and reading them to frames."""
