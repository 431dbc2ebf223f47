import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** The token of the link in the newest mail of a server without SMTP_URL. Waits for a mail. */
export async function newestMailToken(folder: string): Promise<string> {
  for (;;) {
    const token = tokenIn(join(folder, 'data/outbox'))
    if (token !== undefined) return token
    await pause(50)
  }
}

function tokenIn(outbox: string): string | undefined {
  const names = readNames(outbox)
    .filter((name) => name.endsWith('.eml'))
    .sort()
  const [newest] = names.slice(-1)
  if (newest === undefined) return undefined
  return /#token=([\w.-]+)/.exec(readFileSync(join(outbox, newest), 'utf8'))?.[1]
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
