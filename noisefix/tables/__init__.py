"""Read data files of many formats, as they come, and write them back as they were."""
