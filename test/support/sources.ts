import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'
import ts from 'typescript'

/** An import of one file; `to` is a path or a package. */
export interface Import {
  from: string
  to: string
  typeOnly: boolean
}

/** The files of a folder, also those in folders below. */
export const files = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
    join(folder, name.replaceAll('\\', '/')),
  )
/** What is written of src. */
export const sources = files('src').filter(
  (file) => file.endsWith('.ts') && !file.startsWith('src/store/generated/'),
)
/** Every import of src. */
export const imports = sources.flatMap(importsOf)

/** The syntax tree of a file. */
export function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
}

/** The text of a file with everything but its comments blank, so that lines stay where they are. */
export function commentsOf(file: string): string {
  const source = parse(file)
  const { text } = source
  const blank = text.replace(/\S/g, ' ').split('')
  const keep = (ranges: ts.CommentRange[] | undefined) => {
    for (const { pos, end } of ranges ?? [])
      for (let at = pos; at < end; at++) blank[at] = text.charAt(at)
  }
  const visit = (node: ts.Node): void => {
    const children = ts.isJSDoc(node) ? [] : node.getChildren(source)
    // Every comment stands before or after a token.
    if (children.length === 0 && !ts.isJSDoc(node)) {
      keep(ts.getLeadingCommentRanges(text, node.pos))
      keep(ts.getTrailingCommentRanges(text, node.end))
    }
    children.forEach(visit)
  }
  visit(source)
  return blank.join('')
}

/** Whether a statement exports something. */
export function isExported(statement: ts.Statement): boolean {
  if (ts.isExportDeclaration(statement) || ts.isExportAssignment(statement)) return true
  return (
    ts.canHaveModifiers(statement) &&
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true
  )
}

/** The imports of a file. Type-only queries (`import('…').Name`) do not count. */
export function importsOf(file: string): Import[] {
  const source = parse(file)
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean) =>
    found.push({
      from: file,
      to: specifier.startsWith('.')
        ? join(dirname(file), specifier).replace(/\.js$/, '.ts')
        : specifier,
      typeOnly,
    })
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const clause = node.importClause
      const named = clause?.namedBindings
      const allTypes =
        clause?.isTypeOnly === true ||
        (clause?.name === undefined &&
          named !== undefined &&
          ts.isNamedImports(named) &&
          named.elements.every((element) => element.isTypeOnly))
      add(node.moduleSpecifier.text, allTypes)
    }
    if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      node.arguments[0] !== undefined &&
      ts.isStringLiteral(node.arguments[0])
    )
      add(node.arguments[0].text, false)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found.filter(({ to }) => !to.startsWith('src/store/generated/'))
}

/**
 * The lines of a file that are wider than 100 characters without their literals: texts,
 * templates and regular expressions stay whole, and so do URLs in comments.
 */
export function wideLines(file: string): string[] {
  const source = parse(file)
  const text = source.text.split('')
  const visit = (node: ts.Node): void => {
    if (
      ts.isStringLiteral(node) ||
      ts.isNoSubstitutionTemplateLiteral(node) ||
      ts.isTemplateExpression(node) ||
      ts.isRegularExpressionLiteral(node)
    ) {
      for (let at = node.getStart(); at < node.end; at++) if (text[at] !== '\n') text[at] = ''
    } else ts.forEachChild(node, visit)
  }
  visit(source)
  return text
    .join('')
    .split('\n')
    .filter((line) => line.replace(/https?:\/\/\S+/, '').length > 100)
}
