-- AlterTable
ALTER TABLE "users" ADD COLUMN     "ended_logins" TEXT NOT NULL DEFAULT '[]';
