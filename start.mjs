// `npm start`: builds, then serves in this same process, so that signals reach the server. An installation without the development packages serves what was built before.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const canBuild = ['esbuild', 'prisma/package.json'].every((name) => { try { return require.resolve(name) } catch { return false } })
if (canBuild || !existsSync(new URL('dist/main.js', import.meta.url))) execFileSync(process.execPath, ['build.mjs'], { cwd: new URL('.', import.meta.url), stdio: 'inherit' })
await import('./dist/main.js')
