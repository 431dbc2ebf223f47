// `npm run postman`: writes docs/latchkey.postman_collection.json from openapi.yaml and the story,
// in the format https://schema.getpostman.com/json/collection/v2.1.0/collection.json
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { parse } from 'yaml'
import { collectionOf } from './collection.mjs'

const committed = fileURLToPath(new URL('../latchkey.postman_collection.json', import.meta.url))
const [, , file = committed] = process.argv
const contract = await readFile(new URL('../../openapi.yaml', import.meta.url), 'utf8')
const options = { ...(await resolveConfig(committed)), parser: 'json' }
await writeFile(file, await format(JSON.stringify(collectionOf(parse(contract))), options))
console.log(`Wrote ${file === committed ? 'docs/latchkey.postman_collection.json' : file}`)
