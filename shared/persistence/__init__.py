"""PostgreSQL for a service: transactions with announcements, inbox, outbox, relay, migrations."""
