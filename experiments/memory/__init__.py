"""Memory: what a program is promised, what it really holds, and what it shares with others."""
