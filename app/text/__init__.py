"""Every text a person reads: translation, numbers, sentences and Markdown as HTML, templates."""
