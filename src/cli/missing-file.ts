import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { CommandError } from './command-error.js'

/**
 * Creates the error of a command that needs a file which does not exist. It tells where the
 * command looked, and the setting that decides this.
 *
 * @param what the kind of file, such as "key file"
 * @param path relative to the current folder, or absolute
 * @param setting the name and the value of the setting
 * @param advice how to create the file
 */
export function missingFile(
  what: string,
  path: string,
  setting: [name: string, value: string],
  advice: string,
): CommandError {
  const env = existsSync('.env') ? 'where it reads .env' : 'which has no .env'
  return new CommandError(
    [
      `There is no ${what} ${resolve(path)}.`,
      `${setting.join(' is ')}, and this command runs in ${process.cwd()}, ${env}.`,
      `Run the command in the folder of the server, with the same settings. ${advice}`,
    ].join('\n'),
  )
}
