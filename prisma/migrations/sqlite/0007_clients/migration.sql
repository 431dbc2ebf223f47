-- In one transaction, so that a killed process leaves no half of it.
BEGIN IMMEDIATE;

-- CreateTable
CREATE TABLE "clients" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL,
    "secret_hash" TEXT NOT NULL,
    "previous_secret_hash" TEXT,
    "previous_until" DATETIME,
    "scopes" TEXT NOT NULL DEFAULT '',
    "version" INTEGER NOT NULL DEFAULT 0,
    "version_changed_at" DATETIME,
    "disabled_at" DATETIME,
    "created_at" DATETIME NOT NULL
);

-- CreateIndex
CREATE INDEX "clients_version_changed_at_idx" ON "clients"("version_changed_at");

COMMIT;
