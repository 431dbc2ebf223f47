import pg from 'pg'

/** Runs SQL on a database directly, past the store. */
export async function query(
  databaseUrl: string,
  sql: string,
): Promise<Array<Record<string, unknown>>> {
  if (databaseUrl.startsWith('file:')) {
    const { createClient } = await import('@libsql/client')
    const client = createClient({ url: databaseUrl, timeout: 5000 })
    const { rows, columns } = await client.execute(sql)
    client.close()
    return rows.map((row) =>
      Object.fromEntries(columns.map((column, index) => [column, row[index]])),
    )
  }
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    return (await client.query(sql)).rows as Array<Record<string, unknown>>
  } finally {
    await client.end()
  }
}
