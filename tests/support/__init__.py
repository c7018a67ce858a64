"""What the tests share: samples, plans, commands, a terminal, a browser."""
