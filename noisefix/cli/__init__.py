"""The shell around noisefix: parse, call, show."""
