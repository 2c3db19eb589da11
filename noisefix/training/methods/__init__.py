"""One short file for each training method; ``noisefix.training.interface.METHODS`` names them."""
