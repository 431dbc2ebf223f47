-- Written by hand. A migration of its own, as for PostgreSQL.
UPDATE "users" SET "changed_at" = "updated_at";
