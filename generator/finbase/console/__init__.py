"""What commands share: printing, options and shell completion."""
