import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { writeContract } from '../../../src/cli/openapi.js'
import { projectFile } from '../../helper.js'

t.test('openapi.yaml is what the routes say; write it with "npm run openapi"', async (t) => {
  const file = join(t.testdir(), 'openapi.yaml')
  t.intercept(console, 'log', { value: () => {} })
  await writeContract(pathToFileURL(file))
  t.equal(await projectFile('openapi.yaml'), readFileSync(file, 'utf8'))
})
