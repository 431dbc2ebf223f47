import { type Acts, createActs } from '../account/acts.js'
import { createClientSecret, hashClientSecret } from '../account/client-secret.js'
import type { Clock } from '../clock.js'
import type { Config } from '../config.js'
import { readScopes, toScopes } from '../scopes.js'
import type { MachineClient, MachineClients } from '../store/machine-clients.js'
import { type ClientsArguments, readClientsArguments } from './clients-arguments.js'
import { CommandError } from './command-error.js'
import { openDatabase } from './open-database.js'
import { printable, type Terminal } from './terminal.js'
import { operator } from './users-operator.js'

const hour = 3_600_000

interface Deps {
  machineClients: MachineClients
  acts: Acts
  terminal: Pick<Terminal, 'stdout' | 'stderr'>
  accessTokenSeconds: number
  clock: Clock
}

/**
 * `npm run clients -- <command>`: manages machine clients, for operators. The id and a new
 * secret go to the standard output, a line each; all else goes to the standard error. Errors of
 * `openStore` pass through.
 *
 * @throws CommandError if the arguments are not valid (nothing is opened then), the database
 *   does not exist, or the command fails
 */
export async function manageClients(
  args: string[],
  config: Pick<Config, 'DATABASE_URL' | 'ACCESS_TOKEN_SECONDS'>,
  terminal: Pick<Terminal, 'stdout' | 'stderr'>,
  clock: Clock = Date.now,
): Promise<void> {
  const command = readClientsArguments(args)
  const { machineClients, auditLog, close } = await openDatabase(config)
  try {
    await run(command, {
      machineClients,
      acts: createActs(auditLog),
      terminal,
      accessTokenSeconds: config.ACCESS_TOKEN_SECONDS,
      clock,
    })
  } finally {
    await close()
  }
}

async function run(args: ClientsArguments, deps: Deps): Promise<void> {
  const { command, argument } = args
  if (command === 'create') await create(argument, args.scopes, deps)
  else if (command === 'rotate') await rotate(await find(argument, deps), args.keepHours, deps)
  else if (command === 'scopes') await setScopes(await find(argument, deps), args.scopes, deps)
  else if (command === 'list') await list(args.json, deps)
  else await setDisabled(await find(argument, deps), command === 'disable', deps)
}

async function create(
  name: string,
  scopes: string[],
  { machineClients, acts, terminal }: Deps,
): Promise<void> {
  const secret = createClientSecret()
  const { id } = await machineClients.create({
    name,
    secretHash: hashClientSecret(secret),
    scopes: toScopes(scopes),
  })
  terminal.stdout.write(`client_id: ${id}\nclient_secret: ${secret}\n`)
  terminal.stderr.write('Store the secret now: it is not shown again.\n')
  await acts.record(operator, 'client.created', id, { scopes })
}

/**
 * `clients rotate`: gives a client a new secret.
 *
 * @param client as it was read
 * @param keepHours how long the present secret keeps working; 0 ends it, and every token
 * @throws CommandError if another command rotated the client meanwhile
 */
export async function rotate(
  client: MachineClient,
  keepHours: number,
  { machineClients, acts, terminal, clock }: Deps,
): Promise<void> {
  const secret = createClientSecret()
  const previousUntil = keepHours === 0 ? null : new Date(clock() + keepHours * hour)
  if (
    !(await machineClients.rotate(client, { secretHash: hashClientSecret(secret), previousUntil }))
  )
    throw new CommandError('Another command rotated the client at the same time. Nothing changed.')
  terminal.stdout.write(`client_id: ${client.id}\nclient_secret: ${secret}\n`)
  terminal.stderr.write(
    `Store the secret now: it is not shown again. The previous secret ${
      previousUntil === null
        ? 'and every token issued with it have ended'
        : `works until ${previousUntil.toISOString()}`
    }.${client.disabledAt === null ? '' : ' The client is disabled: no secret works until it is enabled.'}\n`,
  )
  await acts.record(operator, 'client.rotated', client.id)
}

/**
 * `clients scopes`: replaces the scopes of a client, and ends its tokens.
 *
 * @param client as it was read
 * @throws CommandError if another command changed the scopes meanwhile
 */
export async function setScopes(
  client: MachineClient,
  scopes: string[],
  { machineClients, acts, terminal, accessTokenSeconds }: Deps,
): Promise<void> {
  const [held, who] = [readScopes(client.scopes), `${printable(client.name)} (${client.id})`]
  if (held.length === scopes.length && held.every((name) => scopes.includes(name))) {
    terminal.stdout.write(`${who} has these scopes already. Nothing changed.\n`)
    return
  }
  if (!(await machineClients.setScopes(client, toScopes(scopes))))
    throw new CommandError(
      'Another command changed the scopes of the client at the same time. Nothing changed.',
    )
  terminal.stdout.write(
    `${who} now has: ${toScopes(scopes)}. Its tokens have ended: let it get a new one.${stillValid(accessTokenSeconds)}\n`,
  )
  await acts.record(operator, 'client.scopes_changed', client.id, { scopes })
}

async function setDisabled(
  { id, name }: MachineClient,
  disabled: boolean,
  { machineClients, acts, terminal, accessTokenSeconds }: Deps,
): Promise<void> {
  const is = disabled ? 'disabled' : 'enabled'
  if (!(await machineClients.setDisabled(id, disabled))) {
    terminal.stdout.write(`${printable(name)} (${id}) is already ${is}. Nothing changed.\n`)
    return
  }
  const effect = disabled ? stillValid(accessTokenSeconds) : ' Tokens that were ended stay ended.'
  terminal.stdout.write(`${printable(name)} (${id}) is ${is}.${effect}\n`)
  await acts.record(operator, disabled ? 'client.disabled' : 'client.enabled', id, { disabled })
}

// Says where an ended token works.
function stillValid(accessTokenSeconds: number): string {
  return ` The admin API refuses ended tokens. GET /claims, and services that only verify them, accept them for up to ${accessTokenSeconds} s.`
}

async function list(json: boolean, { machineClients, terminal, clock }: Deps): Promise<void> {
  const clients = await machineClients.list()
  const lines = clients.map((client) => (json ? asJson(client) : asColumns(client, clock())))
  const heading = columns(['id', 'created', 'disabled', 'previous secret until', 'name', 'scopes'])
  terminal.stdout.write(`${json ? '' : heading}${lines.join('')}`)
}

function asJson(client: MachineClient): string {
  const { id, name, scopes, createdAt, disabledAt, previousUntil } = client
  const members = {
    id,
    name,
    scopes: readScopes(scopes),
    created_at: createdAt,
    disabled_at: disabledAt,
    previous_until: previousUntil,
  }
  return `${printable(JSON.stringify(members))}\n`
}

function asColumns(client: MachineClient, now: number): string {
  const { id, name, scopes, createdAt, disabledAt, previousUntil } = client
  const previous = previousUntil !== null && now < previousUntil.getTime() ? previousUntil : null
  const times = [createdAt, disabledAt, previous].map((time) => time?.toISOString() ?? '-')
  return columns([id, ...times, printable(name), readScopes(scopes).join(' ') || '-'])
}

function columns([id = '', created = '', disabled = '', previous = '', ...rest]: string[]): string {
  const times = [created, disabled, previous].map((time) => time.padEnd(24))
  return `${[id.padEnd(36), ...times, ...rest].join('  ')}\n`
}

// Only an id names a client: names need not be unique.
async function find(id: string, { machineClients }: Deps): Promise<MachineClient> {
  const isId = /^[0-9a-f-]{36}$/.test(id)
  const client = isId ? await machineClients.findById(id) : null
  if (client === null)
    throw new CommandError(
      `There is no machine client ${printable(id)}. Run: npm run clients -- list`,
    )
  return client
}
