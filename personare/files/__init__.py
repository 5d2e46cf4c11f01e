"""Files that others wrote, read as data: nothing in them is run and no size they claim is believed."""
