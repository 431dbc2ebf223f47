import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { parseAllDocuments } from 'yaml'
import { Deployment } from 'kubernetes-models/apps/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { ConfigMap, Service } from 'kubernetes-models/v1'
import { loadConfig } from '../../src/config.js'
import { Settings } from '../../src/settings.js'
import { buildTestApp, projectFile } from '../helper.js'

const text = await projectFile('deploy/kubernetes.yaml')

// `merge` as the reader of kubectl does.
const documents = parseAllDocuments(text, { merge: true }).map((one) => {
  t.strictSame(one.errors, [])
  return one.toJS() as { kind: string }
})

const models = { ConfigMap, Deployment, Service, PodDisruptionBudget }

function find<Kind extends keyof typeof models>(kind: Kind): InstanceType<(typeof models)[Kind]> {
  const found = documents.find((one) => one.kind === kind)
  return new models[kind](found as never) as InstanceType<(typeof models)[Kind]>
}

const deployment = find('Deployment')
const pod = deployment.spec?.template.spec
const [container] = pod?.containers ?? []
const settings = find('ConfigMap').data ?? {}

t.test('each object fits the schema of Kubernetes', async (t) => {
  t.strictSame(documents.map(({ kind }) => kind).sort(), Object.keys(models).sort())
  for (const kind of Object.keys(models) as Array<keyof typeof models>)
    t.doesNotThrow(() => {
      find(kind).validate()
    }, kind)
  const wrong = structuredClone(documents.find(({ kind }) => kind === 'Deployment')) as never
  Object.assign((wrong as { spec: object }).spec, { replicas: 'two' })
  t.throws(() => {
    new Deployment(wrong).validate()
  }, 'a wrong type is found')
})

t.test('no object has a field that Kubernetes does not know', async (t) => {
  // The schemas accept unknown fields. The types of the same package do not, in literals.
  const wrong = documents.map(
    (one) =>
      JSON.parse(JSON.stringify(one).replace('"readinessProbe"', '"readinesProbe"')) as typeof one,
  )
  const folder = t.testdir()
  const file = (name: string, objects: Array<{ kind: string }>) => {
    const modules: Record<string, string> = {
      Deployment: 'apps/v1',
      PodDisruptionBudget: 'policy/v1',
    }
    const lines = objects.map(
      (object, index) =>
        `export const o${index}: import('kubernetes-models/${modules[object.kind] ?? 'v1'}').I${object.kind} = ${JSON.stringify(object)}\n`,
    )
    writeFileSync(join(folder, name), lines.join(''))
    return join(folder, name)
  }
  const program = ts.createProgram([file('right.ts', documents), file('wrong.ts', wrong)], {
    module: ts.ModuleKind.NodeNext,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  })
  const found = ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ messageText, file }) =>
        `${basename(file?.fileName ?? '')}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    )
  t.match(found, [/^wrong\.ts: .+readinesProbe/], 'only the misspelled field is found')
  t.equal(found.length, 1, found.join('\n'))
})

t.test('the settings exist, and come from the secret where they are secret', async (t) => {
  t.strictSame(
    Object.keys(settings).filter((name) => !(name in Settings.properties)),
    [],
  )
  const files = Object.fromEntries(
    Object.entries(settings).filter(([name]) => name.endsWith('_FILE')),
  )
  t.match(
    loadConfig({ ...settings, DATABASE_URL_FILE: '', SMTP_URL_FILE: '', REDIS_URL_FILE: '' }),
    {
      PUBLIC_URL: settings.PUBLIC_URL,
    },
  )
  const [, mount = ''] = /mountPath: (\/run\S+),/.exec(text) ?? []
  for (const path of Object.values(files)) {
    t.equal(path, `${mount}/${basename(path)}`)
    t.match(text, new RegExp(`^#.+--from-(file|literal)=${basename(path)}\\b`, 'm'))
  }
})

t.test('the pod is locked down, and drains before it ends', async (t) => {
  t.match(pod?.securityContext, { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 })
  for (const one of [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])])
    t.match(one.securityContext, {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    })
  const [, paused = ''] =
    /(\d+)\)$/.exec(container?.lifecycle?.preStop?.exec?.command?.[2] ?? '') ?? []
  t.ok(Number(paused) >= 1000)
  t.ok((pod?.terminationGracePeriodSeconds ?? 0) >= Number(paused) / 1000 + 15)

  const { app } = await buildTestApp(t)
  for (const probe of [
    container?.startupProbe,
    container?.livenessProbe,
    container?.readinessProbe,
  ]) {
    t.equal(probe?.httpGet?.port, container?.ports?.[0]?.name)
    t.equal((await app.inject(probe?.httpGet?.path ?? '')).statusCode, 200)
  }
  t.equal(container?.livenessProbe?.httpGet?.path, '/health/live')
  t.match(
    await projectFile('Dockerfile'),
    new RegExp(`^EXPOSE ${container?.ports?.[0]?.containerPort}$`, 'm'),
  )
})
