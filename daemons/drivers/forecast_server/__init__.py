"""What the drivers of weather services have in common: the place, the pace of requests, and bounds."""
