import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { compile } from 'svelte/compiler'
import ts from 'typescript'

/** A block of code of a document. */
export interface Block {
  language: string
  code: string
  /** The name of its file, if its first line is a comment with one. */
  file: string | undefined
}

const client = resolve('client/src/index.ts')

/** Returns the blocks of code of a document. */
export function blocksOf(path: string): Block[] {
  return [...readFileSync(path, 'utf8').matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(
    ([, language = '', code = '']) => {
      const [, file] = /^(?:\/\/|<!--) ([\w-]+\.\w+)(?: -->)?\n/.exec(code) ?? []
      return { language, code, file }
    },
  )
}

/** Writes the blocks that are files into a folder, and returns the folder. */
export function writeBlocks(folder: string, blocks: Block[], api: string): string {
  mkdirSync(folder, { recursive: true })
  for (const { file, code } of blocks)
    if (file !== undefined)
      writeFileSync(join(folder, file), code.replaceAll('https://id.example.com', api))
  return folder
}

const svelte: Plugin = {
  name: 'svelte',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.svelte$/ }, ({ path }) => ({
      contents: compile(readFileSync(path, 'utf8'), { filename: path }).js.code,
    }))
  },
}

/** Bundles a module for a browser, as an application does. */
export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    alias: { 'latchkey-client': client, vue: 'vue/dist/vue.esm-bundler.js' },
    conditions: ['browser'],
    plugins: [svelte],
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  return String(outputFiles[0]?.text)
}

/** Returns what the compiler says about JavaScript files. */
export function typeErrorsOf(files: string[]): string[] {
  const program = ts.createProgram(files, {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
    paths: { 'latchkey-client': [client] },
  })
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) =>
      [file?.fileName, ts.flattenDiagnosticMessageText(messageText, ' ')].join(': '),
    )
}
