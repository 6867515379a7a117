"""Who may come in, at which address, in which language, and how long they are waited for."""
