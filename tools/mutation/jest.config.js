import all from '../../jest.config.js';

const { globalSetup: _setup, globalTeardown: _teardown, reporters: _reporters, ...alone } = all;

/** The specs that hold the mutated files: they start no server, so that each mutant is judged in milliseconds. */
export default {
  ...alone,
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
