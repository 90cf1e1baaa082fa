"""The demo: what a publisher's page looks like around Kaiwa."""
