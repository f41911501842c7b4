import all from '../../jest.config.js';

const { displayName: _name, testRegex: _unit, ...unit } = all.projects[0];

/** The specs that hold the mutated files: they start no server, so that each mutant is judged in milliseconds. */
export default {
  ...unit,
  // The tool wraps one that it knows.
  testEnvironment: 'node',
  rootDir: '../..',
  testMatch: [
    '<rootDir>/apps/tokens/{config,token,session}/*.spec.ts',
    '<rootDir>/libs/auth/{guard-memory,guard-lease,verification-cache,shared-terms}*.spec.ts',
  ],
  // These start the service.
  testPathIgnorePatterns: ['token-sessions\\.spec\\.ts$'],
  maxWorkers: 1,
  testTimeout: 10_000,
};
