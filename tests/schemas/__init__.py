"""The contract: what is on the wire, what is published of it, and the client."""
