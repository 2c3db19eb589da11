"""Ask an annotator about the doubtful rows, and weigh what it says."""
