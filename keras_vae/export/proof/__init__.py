"""What an exported file is worth: errors, nats, the best of many."""
