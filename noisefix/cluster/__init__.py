"""The pieces of a big job on more machines than one: Ray Core tasks and actors."""
