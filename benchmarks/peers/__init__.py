"""Competitors, written as their tools compute; each makes the kernel of ntknas's own weights."""
