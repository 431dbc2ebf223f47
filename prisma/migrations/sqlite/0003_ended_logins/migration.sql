-- Written by hand: Prisma would copy the whole table, and a column with a default needs no copy.
ALTER TABLE "users" ADD COLUMN "ended_logins" TEXT NOT NULL DEFAULT '[]';
