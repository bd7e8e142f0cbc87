"""What an int8 file computes, and over which ranges."""
