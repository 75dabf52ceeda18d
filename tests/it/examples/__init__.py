"""The example plugin, in every form, against real servers."""
