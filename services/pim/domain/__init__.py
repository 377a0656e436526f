"""The decisions of privileged access, pure: state, facts and a time in, a decision out."""
