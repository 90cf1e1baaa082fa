"""WTForms shared by web and api."""
