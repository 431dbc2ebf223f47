import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { createVerifiedTokens } from '../../src/tokens/verified-tokens.js'

const of = (text: string) => ({ claims: { sub: text }, kid: 'k' })

t.test('what is remembered is found, by its exact text', async (t) => {
  const memory = createVerifiedTokens<{ sub: string }>(10)
  t.equal(memory.find('a'), undefined)
  memory.remember('a', of('1'))
  memory.remember('b', of('2'))
  t.strictSame([memory.find('a'), memory.find('b')], [of('1'), of('2')])
  for (const other of ['', 'A', 'a ', ' a', '__proto__', 'constructor'])
    t.equal(memory.find(other), undefined, other)
  memory.remember('a', of('3'))
  t.strictSame(memory.find('a'), of('3'), 'the last word counts')
})

t.test('a token is kept without the header that it was cut from', async (t) => {
  const memory = createVerifiedTokens<{ sub: string }>(1000)
  const tokens = Array.from({ length: 1000 }, (_, index) => `${index}${'x'.repeat(400)}`)
  const settle = () => {
    setFlagsFromString('--expose-gc')
    runInNewContext('gc')()
    return process.memoryUsage().heapUsed
  }
  const before = settle()
  for (const token of tokens) {
    const [, cut = ''] = /^bearer +(.*)$/i.exec(`Bearer ${' '.repeat(14_500)}${token}`) ?? []
    memory.remember(cut, of('1'))
  }
  const grown = settle() - before
  t.ok(tokens.every((token) => memory.find(token) !== undefined))
  t.ok(grown < 5_000_000, `${grown} bytes for 1,000 tokens, of 14 MB of headers`)
})

t.test('the newest stay, at most twice the bound, and what is used stays with them', async (t) => {
  const memory = createVerifiedTokens<{ sub: string }>(100)
  memory.remember('used', of('used'))
  for (let i = 0; i < 1000; i++) {
    memory.remember(`t${i}`, of(`${i}`))
    if (i % 50 === 0) t.strictSame(memory.find('used'), of('used'))
  }
  t.strictSame(memory.find('used'), of('used'))
  const isKept = (i: number) => memory.find(`t${i}`) !== undefined
  t.notOk(Array.from({ length: 800 }, (_, i) => i).some(isKept), 'old ones are gone')
  t.ok(Array.from({ length: 100 }, (_, i) => 999 - i).every(isKept), 'the last ones are there')
})
