"""Dialects told as chat and back, where a provider speaks chat alone: completions, Responses and Messages."""
