-- Written by hand, as a transaction of its own: it locks rows, and does not hold up readers.
UPDATE "users" SET "changed_at" = "updated_at";
