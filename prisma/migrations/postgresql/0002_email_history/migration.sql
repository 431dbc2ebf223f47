-- AlterTable
ALTER TABLE "users" ADD COLUMN     "email_history" TEXT NOT NULL DEFAULT '[]';
