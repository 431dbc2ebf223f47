-- Written by hand: Prisma would copy the whole table, and knows no partial indexes. In one
-- transaction, so that a killed process leaves no half of it.
BEGIN IMMEDIATE;

-- AlterTable
ALTER TABLE "users" ADD COLUMN "roles" TEXT NOT NULL DEFAULT '[]';
ALTER TABLE "users" ADD COLUMN "claims" TEXT NOT NULL DEFAULT '{}';
ALTER TABLE "users" ADD COLUMN "access_version" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "users" ADD COLUMN "version_changed_at" DATETIME;
ALTER TABLE "users" ADD COLUMN "deleted_at" DATETIME;
ALTER TABLE "users" ADD COLUMN "last_login_at" DATETIME;
ALTER TABLE "users" ADD COLUMN "changed_at" DATETIME;

-- CreateTable
CREATE TABLE "audit" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "at" DATETIME NOT NULL,
    "actor" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "subject" TEXT,
    "request_id" TEXT,
    "details" TEXT NOT NULL DEFAULT '{}'
);

-- CreateIndex
CREATE INDEX "audit_actor_id_idx" ON "audit"("actor", "id");
CREATE INDEX "audit_event_id_idx" ON "audit"("event", "id");
CREATE INDEX "audit_subject_id_idx" ON "audit"("subject", "id");

COMMIT;
