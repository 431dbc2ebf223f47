import { readFileSync } from 'node:fs'
import t from 'tap'
import { burstLines, measureBursts, shipped } from '../../bench/memory.js'

t.test('the bench measures what a burst of logins leaves, for each environment', async (t) => {
  const extent = { rounds: 1, logins: 8, waitSeconds: 0.1 }
  const bursts = await measureBursts(['', shipped], extent)
  t.strictSame(Object.keys(bursts), ['', shipped])
  for (const [environment, samples] of Object.entries(bursts)) {
    t.equal(samples.length, 1, environment)
    t.ok(
      samples.every(({ perSecond }) => perSecond > 0),
      JSON.stringify(samples),
    )
  }
})

t.test('a line has the median of the rounds', async (t) => {
  const samples = [204.4, 90, 300].map((laterMiB) => ({
    perSecond: 1,
    cpuMilliseconds: 1,
    endMiB: 1,
    laterMiB,
  }))
  t.strictSame(burstLines({ '': samples, 'A=1': samples }, 60), [
    { what: 'memory 60 s after a burst of logins', figure: '204 MiB', target: '' },
    { what: 'memory 60 s after a burst of logins, A=1', figure: '204 MiB', target: '' },
  ])
})

t.test('the image and the systemd unit set what the bench measures', async (t) => {
  t.match(readFileSync('Dockerfile', 'utf8'), `\nENV ${shipped}\n`)
  t.match(readFileSync('docs/deploy.md', 'utf8'), `\nEnvironment=${shipped}\n`)
})
