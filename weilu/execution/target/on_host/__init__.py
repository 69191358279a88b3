"""What a run does on one host of a fleet: a step, a look at one, a rehearsal of one, its way back."""
