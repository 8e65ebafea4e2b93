"""The page that diagnoses real adapters."""
