import { execFileSync } from 'node:child_process'
import type { Test } from 'tap'

/** One command of a console session and what the text says it prints. */
export interface Step {
  command: string
  output: string
}

/** The steps of every `console` block of a text. */
export function stepsOf(text: string): Step[] {
  return [...text.matchAll(/```console\n([^]*?)```/g)]
    .flatMap(([, block = '']) => block.split(/^\$ /m).slice(1))
    .map((step) => {
      const [command = '', ...lines] = step.trim().split('\n')
      return { command, output: lines.join('\n') }
    })
}

/** `…` stands for what differs each time. */
function pattern(output: string): RegExp {
  return new RegExp(
    `^${output
      .split('…')
      .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('\\S+?')}$`,
  )
}

/**
 * Runs all steps in one shell, and compares what they print.
 *
 * @param port the port of the server that the text has at port 3000
 */
export function runSession(
  t: Test,
  steps: Step[],
  { cwd, port, env = process.env }: { cwd: string; port: number; env?: NodeJS.ProcessEnv },
): void {
  const marker = '--- end of step ---'
  // A mail is written within a second: a person who types the commands need not wait.
  const ready = (command: string) =>
    command.includes('data/outbox')
      ? 'until ls data/outbox/*.eml >/dev/null 2>&1; do sleep 0.1; done\n'
      : ''
  const script = steps
    .map(
      ({ command }) =>
        `${ready(command)}${command.replace(/:3000\b/g, `:${port}`)}\necho '${marker}'`,
    )
    .join('\n')
  const outputs = execFileSync('bash', ['-c', script], {
    encoding: 'utf8',
    cwd,
    env,
    timeout: 60_000,
  })
    .replaceAll(`:${port}`, ':3000')
    .replaceAll('\r', '')
    .split(`${marker}\n`)
  for (const [index, { command, output }] of steps.entries())
    t.match(outputs[index]?.trim(), pattern(output), command)
}
