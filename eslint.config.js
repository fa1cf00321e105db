import tseslint from 'typescript-eslint';

/**
 * Imports run downward only: cli → ui → daemon → fuse → union → posix; options, layers and inspect stand beside union.
 * For each folder, the folders under src/ it may not import from.
 */
const above = {
  posix: ['union', 'options', 'layers', 'inspect', 'fuse', 'daemon', 'ui', 'cli'],
  union: ['options', 'layers', 'inspect', 'fuse', 'daemon', 'ui', 'cli'],
  options: ['layers', 'inspect', 'fuse', 'daemon', 'ui', 'cli'],
  layers: ['fuse', 'daemon', 'ui', 'cli'],
  inspect: ['fuse', 'daemon', 'ui', 'cli'],
  fuse: ['layers', 'inspect', 'daemon', 'ui', 'cli'],
  daemon: ['layers', 'ui', 'cli'],
  ui: ['layers', 'fuse', 'cli'],
};

const downwardOnly = Object.entries(above).map(([folder, forbidden]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': ['error', {
      patterns: [
        {
          group: forbidden.map((name) => `**/${name}/**`),
          message: `src/${folder} may not import from there: imports run downward only (see eslint.config.js).`,
        },
        { regex: '(^|/)index(\\.js)?$', message: 'src/index.ts is for users of the library.' },
      ],
    }],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'coverage/', '.test-results/', 'test/oracle/**/*.json'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-useless-rename': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],

      // Numbers are what this program is made of.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      // Indexing typed arrays and tables whose bounds are known needs it; the type checker has no proof.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A conflict of taste only: index loops are measurably faster on the hot path.
      '@typescript-eslint/prefer-for-of': 'off',
      // Enum-like `as const` tables are compared with raw numbers from the kernel.
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  ...downwardOnly,
  {
    files: ['src/cli/**/*.ts', 'scripts/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: { 'max-lines': 'off', 'no-console': 'off' },
  },
  {
    files: ['**/*.js'],
    ...tseslint.configs.disableTypeChecked,
  },
);
