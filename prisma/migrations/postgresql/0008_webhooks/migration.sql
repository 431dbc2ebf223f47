-- CreateTable
CREATE TABLE "webhooks" (
    "key" TEXT NOT NULL,
    "changed_at" TIMESTAMP(3) NOT NULL,
    "account_id" TEXT NOT NULL,
    "complete_until" TIMESTAMP(3) NOT NULL,
    "owner" TEXT,
    "leased_until" TIMESTAMP(3),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "last_failure" TEXT,
    "retry_at" TIMESTAMP(3),
    "paused_at" TIMESTAMP(3),
    "seen_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "webhooks_pkey" PRIMARY KEY ("key")
);
