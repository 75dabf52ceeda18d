"""The promises of a plugin, one function each: it returns what it saw, or says what is broken."""
