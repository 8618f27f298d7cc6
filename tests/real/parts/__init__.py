"""The real parts that stand opposite the service: how each is started, asked and stopped."""
