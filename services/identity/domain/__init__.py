"""The rules of identity, as functions of state and time: pure, without a framework and without input or output."""
