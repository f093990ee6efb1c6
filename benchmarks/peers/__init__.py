"""Competitors, written as their tools compute."""
