"""The living process: wires the rooms, runs the timer, carries out what people ask, shows the page what it may."""
