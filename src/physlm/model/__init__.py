"""The transformer, its presets and its conversion to and from the Hugging Face classes."""
