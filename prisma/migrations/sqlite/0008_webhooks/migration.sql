-- CreateTable
CREATE TABLE "webhooks" (
    "key" TEXT NOT NULL PRIMARY KEY,
    "changed_at" DATETIME NOT NULL,
    "account_id" TEXT NOT NULL,
    "complete_until" DATETIME NOT NULL,
    "owner" TEXT,
    "leased_until" DATETIME,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "last_failure" TEXT,
    "retry_at" DATETIME,
    "paused_at" DATETIME,
    "seen_at" DATETIME NOT NULL
);
