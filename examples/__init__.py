"""Examples of rows beyond one memory and one machine."""
