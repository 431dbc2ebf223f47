/** Stands for PUBLIC_URL in the examples of schemas. No server can have it (RFC 6761 §6.4). */
export const exampleUrl = 'https://public-url.invalid'

/** The parts of a schema that an example can come from. */
interface Schema {
  $ref?: string
  examples?: unknown[]
  enum?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
}

type Content = Record<string, { schema: Schema; example?: unknown; examples?: object }>

/** The parts of the contract that examples are read from and written to. */
interface Contract {
  components: { schemas: Record<string, Schema> }
  paths: Record<
    string,
    Record<
      string,
      { requestBody?: { content: Content }; responses: Record<string, { content?: Content }> }
    >
  >
}

/**
 * Gives every body and reply of the contract a media-type example, which Postman and similar
 * tools send and show. It comes from the schema: its `examples`, its `enum`, or the examples of
 * its properties; an optional property is in it only with `examples` of its own. Otherwise
 * there is no example. Returns a copy.
 *
 * @param publicUrl replaces {@link exampleUrl}
 */
export function withExamples(contract: object, publicUrl: string): object {
  const copy = JSON.parse(JSON.stringify(contract), (_key, value: unknown) =>
    typeof value === 'string' ? value.replaceAll(exampleUrl, () => publicUrl) : value,
  ) as Contract
  const { components, paths } = copy
  const exampleOf = (schema: Schema): unknown => {
    const { $ref, examples, enum: values, properties, required = [] } = schema
    if ($ref !== undefined)
      return exampleOf(components.schemas[$ref.replace(/^.*\//, '')] as Schema)
    if (properties === undefined || examples !== undefined) return (examples ?? values)?.[0]
    const members = Object.entries(properties)
      .filter(([name, { examples }]) => examples !== undefined || required.includes(name))
      .map(([name, property]) => [name, exampleOf(property)] as const)
    return members.some(([, member]) => member === undefined)
      ? undefined
      : Object.fromEntries(members)
  }
  const contents = Object.values(paths)
    .flatMap((operations) => Object.values(operations))
    .flatMap(({ requestBody, responses }) => [requestBody, ...Object.values(responses)])
    .flatMap((message) => Object.values(message?.content ?? {}))
  for (const media of contents) {
    const example = exampleOf(media.schema)
    // A copy, for YAML writes a second use of an object as a reference.
    if (media.examples === undefined && example !== undefined)
      media.example = structuredClone(example)
  }
  return copy
}
