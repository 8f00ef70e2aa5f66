"""Lists of downloads that others have written, read into entries. Pure: no file is opened, no shell is run."""
