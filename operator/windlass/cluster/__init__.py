"""How we talk to an API server: configuration, client, informers, the lease."""
