"""The page: a project in the browser, over `Project` and its JSON alone."""
