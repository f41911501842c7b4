import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { kindOf, specs } from './tools/spec-kinds.mjs';

const { jsc, ...swc } = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));
delete swc.$schema;
// Jest finds the libraries by the names below; rewritten paths would be resolved twice.
const { paths: _paths, baseUrl: _baseUrl, ...compiler } = jsc;

const project = {
  roots: ['apps', 'libs', 'tools', 'test', 'bench'].map((folder) => `<rootDir>/${folder}`).filter(exists),
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  transform: { '\\.tsx?$': ['@swc/jest', { ...swc, jsc: compiler }] },
  moduleNameMapper: {
    '^@tokenlog/auth$': '<rootDir>/libs/auth/index.ts',
    '^@tokenlog/auth/testing$': '<rootDir>/libs/auth/testing/index.ts',
    '^@tokenlog/(contracts|platform|event-store)/(.*)\\.js$': '<rootDir>/libs/$1/$2.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.data/'],
};
const unitSpecs = specs()
  .filter((file) => kindOf(file) === 'unit')
  .map((file) => `^${fileURLToPath(new URL(file, import.meta.url)).replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')}$`);

export default {
  projects: [
    {
      ...project,
      displayName: 'unit',
      // Not found rather than matched: a spec that is unknown here gets the servers of the others.
      testRegex: unitSpecs,
      testEnvironment: '<rootDir>/test/support/unit-environment.mjs',
    },
    {
      ...project,
      displayName: 'service',
      testMatch: ['**/*.spec.ts'],
      testPathIgnorePatterns: unitSpecs,
      testEnvironment: 'node',
      // Only where one of these specs runs.
      globalSetup: '<rootDir>/test/support/global-setup.mjs',
      globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
    },
  ],
  reporters: ['default', '<rootDir>/test/support/seeds-reporter.mjs'],
  // More than cores: half the time of most files is waiting, for processes to start and for what runs out.
  maxWorkers: 3,
  // Each file leaves some of its modules behind; a worker of more than a gigabyte takes longer to end than Jest waits.
  workerIdleMemoryLimit: '600MB',
  testTimeout: 90_000,
};

function exists(folder) {
  try {
    readFileSync(new URL(folder.replace('<rootDir>/', './'), import.meta.url));
  } catch (error) {
    return error.code === 'EISDIR';
  }
}
