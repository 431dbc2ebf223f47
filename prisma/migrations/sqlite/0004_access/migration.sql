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
UPDATE "users" SET "changed_at" = "updated_at";

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
CREATE INDEX "users_changed_at_id_idx" ON "users"("changed_at", "id");
CREATE INDEX "users_version_changed" ON "users"("version_changed_at") WHERE "version_changed_at" IS NOT NULL;
CREATE INDEX "users_created" ON "users"("created_at", "id") WHERE "deleted_at" IS NULL;
CREATE INDEX "users_with_roles" ON "users"("created_at", "id") WHERE "roles" <> '[]';
CREATE INDEX "users_admins" ON "users"("created_at", "id") WHERE instr("roles", '"admin"') > 0;
CREATE INDEX "users_disabled" ON "users"("created_at", "id") WHERE "disabled_at" IS NOT NULL AND "deleted_at" IS NULL;
CREATE INDEX "users_deleted" ON "users"("deleted_at") WHERE "deleted_at" IS NOT NULL;
CREATE INDEX "audit_actor_id_idx" ON "audit"("actor", "id");
CREATE INDEX "audit_event_id_idx" ON "audit"("event", "id");
CREATE INDEX "audit_subject_id_idx" ON "audit"("subject", "id");

COMMIT;
