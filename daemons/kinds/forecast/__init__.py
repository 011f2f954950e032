"""The parts of the kind `weather`: what follows from the steps of a forecast. Pure."""
