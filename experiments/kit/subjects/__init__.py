"""Processes to be measured, who looks at them, and work of a known length."""
