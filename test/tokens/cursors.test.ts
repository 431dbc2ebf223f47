import t from 'tap'
import { createCursors } from '../../src/tokens/cursors.js'
import { buildTestApp } from '../helper.js'

t.test('a cursor is opened by its query alone, and by each replica', async (t) => {
  const { ring } = await buildTestApp(t)
  const { seal, open } = createCursors(ring)
  const position = [1767323045000, '019b5c4e-9d2a-7c31-8f0e-5a1d2c3b4e5f']
  const cursor = seal('["users",{}]', position)
  t.match(cursor, /^[\w-]+$/)
  t.equal(seal('["users",{}]', position), cursor, 'the same each time')
  t.strictSame(open('["users",{}]', cursor), position)
  t.strictSame(createCursors(ring).open('["users",{}]', cursor), position)
  for (const query of ['', '["users"]', '["audit",{}]', '["users",{}]\n'])
    t.equal(open(query, cursor), null, query)
  for (let index = 0; index < cursor.length; index++) {
    const changed = cursor[index] === 'A' ? 'B' : 'A'
    const forged = `${cursor.slice(0, index)}${changed}${cursor.slice(index + 1)}`
    if (open('["users",{}]', forged) !== null) t.fail(`forged at ${index}`)
    if (open('["users",{}]', cursor.slice(0, index)) !== null) t.fail(`cut at ${index}`)
  }
  for (const text of ['', ' ', `${cursor}=`, `${cursor}\n`, `${cursor} `, '….'])
    t.equal(open('["users",{}]', text), null, JSON.stringify(text))
  const { ring: other } = await buildTestApp(t)
  t.equal(createCursors(other).open('["users",{}]', cursor), null, 'other keys')
})
