"""Alembic migrations, run by `db.engine.open_database`."""
