"""One short file for each training method; ``noisefix.training.registry.METHODS`` names them."""
