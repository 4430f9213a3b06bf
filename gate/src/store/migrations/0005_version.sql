-- The mark in the head says which migrations were done; former programs kept a table of them beside it.
DROP TABLE IF EXISTS _sqlx_migrations;
