"""Pictures as files, drawn with matplotlib (the extra `report`)."""
