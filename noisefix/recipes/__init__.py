"""All of it in one go: the steps of a recipe, one after the other, and the same as a script."""
