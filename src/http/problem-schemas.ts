const mediaType = 'application/problem+json'

/** The parts of the contract that problems are read from and written to. */
interface Contract {
  components: { schemas: Record<string, object> }
  paths: Record<string, Record<string, ProblemOperation>>
}

/** The parts of an operation that name its problems. */
export interface ProblemOperation {
  operationId?: string
  responses: Record<string, { content?: Record<string, { schema: object; examples: object }> }>
}

/**
 * Gives each operation a schema for its own problems, such as `LoginProblem`: `Problem` with
 * the codes of this operation. A generated client can list them. The codes are the names of the
 * examples. An operation without `operationId` keeps `Problem`.
 */
export function nameProblems({ components, paths }: Contract): void {
  for (const [path, operations] of Object.entries(paths))
    for (const [method, { operationId, responses }] of Object.entries(operations)) {
      if (operationId === undefined) continue
      const medias = Object.values(responses)
        .map(({ content }) => content?.[mediaType])
        .filter((media) => media !== undefined)
      const codes = medias.flatMap(({ examples }) => Object.keys(examples))
      const name = `${operationId.replace(/^./, (first) => first.toUpperCase())}Problem`
      components.schemas[name] = {
        type: 'object',
        description: `The problems of ${method.toUpperCase()} ${path}`,
        allOf: [{ $ref: '#/components/schemas/Problem' }],
        required: ['code'],
        properties: { code: { enum: [...new Set(codes)] } },
      }
      for (const media of medias) media.schema = { $ref: `#/components/schemas/${name}` }
    }
}
