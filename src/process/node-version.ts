/**
 * Checks a version of Node.js, such as `20.19.0`.
 *
 * @returns null if it can run this program, otherwise a sentence that says what to do
 */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return null
  return `Latchkey needs Node.js 20.19 or newer. This is ${version}: install Node.js 22 or 24.`
}
