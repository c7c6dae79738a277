"""Settings for the command line and for services: flags, ``CONSENT_*`` variables, ``config.toml``, ``network.toml``."""
