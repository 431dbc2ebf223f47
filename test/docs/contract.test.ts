import t from 'tap'
import { contractYaml } from '../../src/cli/openapi.js'
import { projectFile } from '../helper.js'

t.test('openapi.yaml is what the routes say; write it with "npm run openapi"', async (t) => {
  t.equal(await projectFile('openapi.yaml'), await contractYaml())
})
