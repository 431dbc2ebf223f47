import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { ConfigError } from './config.js'
import { decodeText } from './text.js'
import { Settings } from './settings.js'

/**
 * Reads a file of settings, `NAME=value` lines in UTF-8, into an environment. Names that the
 * environment has keep their value. A missing file is not an error.
 *
 * @throws ConfigError if the file cannot be read, is not UTF-8 text, or has a setting without
 *   `=`. The message shows no value.
 */
export function loadEnvFile(path: string, env: Record<string, string | undefined>): void {
  const text = readText(path)
  for (const [index, line] of text.split('\n').entries()) {
    const [, name = ''] =
      /^\s*(?:export\s+)?([A-Z][A-Z0-9_]+)(?:\s*:|\s+[^\s=]|\s*$)/.exec(line) ?? []
    if (name in Settings.properties)
      throw new ConfigError(`Line ${index + 1} of ${path} must be ${name}=<value>.`)
  }
  for (const [name, value] of Object.entries(parseEnv(text))) env[name] ??= value
}

function readText(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return ''
    throw new ConfigError(
      `${path} cannot be read (${code}). Its settings would be missing: make it a file that this user can read, or remove it.`,
    )
  }
  const text = decodeText(bytes)
  if (text === null)
    throw new ConfigError(
      `${path} is not UTF-8 text. Save it as UTF-8; Windows PowerShell writes UTF-16 with ">".`,
    )
  return text
}
