"""Parts of the verifier that people run where there is no Weilu."""
