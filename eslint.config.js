import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'
import tseslint from 'typescript-eslint'

const client = ['client/src/**/*.ts']
const typed = ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'prisma.config.ts']

export default [
  ...neostandard({ ts: true, noStyle: true, ignores: resolveIgnoresFromGitignore() }),
  // Prettier indents what belongs together, so a body on a line of its own cannot mislead.
  { rules: { curly: 'off' } },
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({
    ...config,
    files: [...typed, ...client],
  })),
  {
    files: ['examples/spa/*.js'],
    languageOptions: {
      globals: { addEventListener: false, history: false, location: false, scrollTo: false },
    },
  },
  {
    files: typed,
    languageOptions: { parserOptions: { project: './tsconfig.json' } },
  },
  {
    files: client,
    languageOptions: { parserOptions: { project: './client/tsconfig.json' } },
  },
  {
    files: [...typed, ...client],
    rules: {
      // Fastify and our own interfaces ask for functions that return promises. An async function
      // always rejects, and never throws.
      '@typescript-eslint/require-await': 'off',
      // `void` marks a promise that nothing waits for. Its function handles what can go wrong.
      'no-void': ['error', { allowAsStatement: true }],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // JSON that a test or a load client receives is `any`. The assertions on it are its types.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // Tests capture methods of libraries by name: t.capture(argon2, 'hash', argon2.hash).
      '@typescript-eslint/unbound-method': 'off',
      // tap waits for these itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: '@tapjs/test', name: ['test'] },
            { from: 'package', package: '@tapjs/asserts', name: ['rejects'] },
          ],
        },
      ],
    },
  },
]
