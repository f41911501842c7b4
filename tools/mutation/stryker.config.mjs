import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

/** What no spec without a server can reach, and what is said to people in words of their own. */
const outside = {
  shouldIgnore(path) {
    const { node } = path;
    if (
      path.isClassDeclaration() &&
      node.decorators?.some((each) => each.expression.callee?.name === 'CommandHandler')
    ) {
      return 'a handler: specs with a database hold it';
    }
    const call = path.parentPath;
    if (
      path.key === 1 &&
      path.listKey === 'arguments' &&
      call.isNewExpression() &&
      call.node.callee.name === 'Problem'
    ) {
      return 'the wording of a problem: its code is what is promised';
    }
    if (path.isCallExpression() && /^this\.logger\./.test(path.get('callee').toString()))
      return 'the wording of a log line';
    return undefined;
  },
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Ignore, 'outside', outside)];

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [
    'libs/auth/guard-memory.ts',
    'libs/auth/verification-cache.ts',
    'apps/tokens/token/{issuing-rules,token}.ts',
    'apps/tokens/verbs/*.ts',
    'apps/tokens/session/session.ts',
    'apps/tokens/config/*.ts',
    '!**/*.spec.ts',
  ],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: { configFile: 'tools/mutation/jest.config.js', enableFindRelatedTests: true },
  coverageAnalysis: 'perTest',
  plugins: ['@stryker-mutator/jest-runner', './tools/mutation/stryker.config.mjs'],
  ignorers: ['outside'],
  ignorePatterns: ['/dist', '/coverage', '/.data', '/bench', '/docs', '/deploy'],
  reporters: ['json', 'clear-text', 'progress-append-only'],
  jsonReporter: { fileName: 'coverage/mutation/report.json' },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  tempDirName: 'coverage/mutation/sandbox',
  allowConsoleColors: false,
  disableTypeChecks: false,
  concurrency: 2,
  timeoutMS: 3_000,
};
