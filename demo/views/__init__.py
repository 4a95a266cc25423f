"""The views of the page, as HTML. All text from outside is escaped here, and only here."""
