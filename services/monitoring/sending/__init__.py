"""What leaves for addresses that tenants name: where it may go, how it gets there, and who sees to it."""
