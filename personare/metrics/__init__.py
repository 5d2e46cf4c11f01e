"""Measures of how right motion is: against phone labels of speech, and against the motion of a real take."""
