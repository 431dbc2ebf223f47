-- AlterTable
ALTER TABLE "users" ADD COLUMN     "access_version" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "changed_at" TIMESTAMP(3),
ADD COLUMN     "claims" TEXT NOT NULL DEFAULT '{}',
ADD COLUMN     "deleted_at" TIMESTAMP(3),
ADD COLUMN     "last_login_at" TIMESTAMP(3),
ADD COLUMN     "roles" TEXT NOT NULL DEFAULT '[]',
ADD COLUMN     "version_changed_at" TIMESTAMP(3);

UPDATE "users" SET "changed_at" = "updated_at";

-- CreateTable
CREATE TABLE "audit" (
    "id" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "subject" TEXT,
    "request_id" TEXT,
    "details" TEXT NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "audit_actor_id_idx" ON "audit"("actor", "id");

-- CreateIndex
CREATE INDEX "audit_event_id_idx" ON "audit"("event", "id");

-- CreateIndex
CREATE INDEX "audit_subject_id_idx" ON "audit"("subject", "id");

-- CreateIndex
CREATE INDEX "users_changed_at_id_idx" ON "users"("changed_at", "id");

-- Written by hand: Prisma knows no partial indexes and no collations.
CREATE INDEX "users_version_changed" ON "users"("version_changed_at") WHERE "version_changed_at" IS NOT NULL;
CREATE INDEX "users_created" ON "users"("created_at", "id") WHERE "deleted_at" IS NULL;
CREATE INDEX "users_with_roles" ON "users"("created_at", "id") WHERE "roles" <> '[]';
CREATE INDEX "users_admins" ON "users"("created_at", "id") WHERE strpos("roles", '"admin"') > 0;
CREATE INDEX "users_disabled" ON "users"("created_at", "id") WHERE "disabled_at" IS NOT NULL AND "deleted_at" IS NULL;
CREATE INDEX "users_deleted" ON "users"("deleted_at") WHERE "deleted_at" IS NOT NULL;
-- A search for the beginning of an address reads a range of bytes. The unique index may have
-- another order.
CREATE INDEX "users_email_bytes" ON "users"("email" COLLATE "C");
