"""The database: tables, migrations, and queries that return frozen types."""
