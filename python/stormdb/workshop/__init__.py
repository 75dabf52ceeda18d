"""What helps to write a plugin: templates, and looks at what it does to a server."""
