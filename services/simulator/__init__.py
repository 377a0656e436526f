"""A made-up tenant: a stream with attacks in it, the truth about them, and the count of what was found."""
