"""Tests of daemons/drivers/forecast_server."""
