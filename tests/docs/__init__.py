"""Every example of the documentation is executed. CONTRIBUTING.md says how blocks are marked."""
