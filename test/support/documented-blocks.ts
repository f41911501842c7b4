/** What tests a block of a document, or why nothing does. */
export type DocumentedBlock =
  | {
      /** How its text begins. */
      readonly begins: string;
      /** The file that runs, compiles or compares it. */
      readonly by: string;
      /** What stands in that file of this block; without it, the document's name. */
      readonly with?: string;
    }
  | { readonly begins: string; readonly untested: string };

const README = 'test/readme.spec.ts';
const DOCUMENTS = 'test/documents.spec.ts';
const CLI = 'test/cli-package.spec.ts';
const NATS = 'test/nats-in-any-language.spec.ts';
const BACK_UP = 'tools/compose/back-up.ts';
const AUTH = 'libs/auth/testing/readme.spec.ts';

/** Every block of every document, in the order in which they stand. */
export const documentedBlocks: Readonly<Record<string, readonly DocumentedBlock[]>> = {
  'README.md': [
    { begins: 'ADMIN_PASSWORD=a-password-of-my-own npm start', by: README },
    { begins: 'Tokenlog runs.', by: README },
    { begins: 'npm test', untested: 'it is what runs this' },
    { begins: 'SESSION=$(curl', by: README },
    { begins: '{"session":', by: README },
    { begins: 'TOKEN=$(curl', by: README },
    { begins: '{"token":', by: README },
    { begins: 'curl -sS --fail-with-body localhost:3003/ ', by: README },
    { begins: '{"user":', by: README },
    { begins: 'curl -sS --fail-with-body localhost:3002/tokens/self ', by: README },
    { begins: '{"token":', by: README },
    { begins: 'curl -sS --fail-with-body -X POST localhost:3002/tokens/self/revoke ', by: README },
    { begins: '{"token":', by: README },
    { begins: 'TOKENLOG_TOKEN="${SESSION', by: README },
    { begins: 'Time ', by: README },
    { begins: 'ADMIN_PASSWORD=a-password-of-my-own npm run seed', by: README },
    { begins: '… users made', by: README },
    { begins: 'import { Controller, Get, Module, UseGuards }', by: AUTH, with: "'../../README.md'" },
    {
      begins: 'npm run compose:env',
      untested: 'it wants containers: npm run test:compose does the same in a world of its own',
    },
  ],
  'CONTRIBUTING.md': [
    { begins: 'npm start', untested: 'test/start.spec.ts starts it' },
    { begins: 'npm run snapshot', untested: 'it is run at a release; test/upgrades.spec.ts opens what it writes' },
  ],
  'libs/auth/README.md': [
    { begins: 'npm install ./tokenlog-auth-*.tgz', by: 'test/auth-package.spec.ts', with: 'tarball' },
    { begins: 'npm install @tokenlog/auth', untested: 'it wants a registry that has the package' },
    { begins: 'import { Controller, Get, Module, UseGuards }', by: AUTH },
    { begins: "import { Test } from '@nestjs/testing'", by: 'test/guard-in-nest-versions.spec.ts' },
    { begins: '{\n  "type"', by: AUTH },
    { begins: 'import { Controller, UseGuards }', by: AUTH },
    { begins: 'import { UseGuards }', by: AUTH },
    { begins: 'import { UseGuards }', by: AUTH },
    { begins: 'import { Controller, Get, Logger', by: AUTH },
    { begins: 'import { Controller, Get, UseGuards }', by: AUTH },
  ],
  'docs/architecture.md': [
    { begins: '              people, programs', untested: 'a picture' },
    { begins: 'HTTP, NATS → command', untested: 'a picture' },
  ],
  'docs/command-line.md': [
    {
      begins: 'npm install --global ./tokenlog-cli',
      untested: 'it changes the machine; the next but one is the same file',
    },
    { begins: 'npm install ./tokenlog-cli', by: CLI, with: 'tarball' },
    { begins: 'npm exec --package', by: CLI, with: "'exec'" },
    { begins: 'npm publish', untested: 'it wants a registry' },
    { begins: 'tokenlog login', by: CLI },
    { begins: '…', by: CLI },
    { begins: 'ID=$(tokenlog', by: CLI },
    { begins: '…', by: CLI },
    { begins: 'umask 077', by: CLI },
    { begins: '…', by: CLI },
    { begins: 'tokenlog admin audit', by: CLI },
    { begins: '…', by: CLI },
    { begins: 'tokenlog tokens list --state expired', by: CLI },
    { begins: '…', by: CLI },
  ],
  'docs/nats.md': [
    { begins: 'npx tokenlog guards add', by: DOCUMENTS, with: 'guards list' },
    { begins: '// verify.mjs', by: NATS },
    { begins: 'set -a; . .data', by: NATS, with: 'verify.mjs' },
    { begins: '#!/usr/bin/env bash', by: NATS },
  ],
  'docs/operations.md': [
    { begins: 'node dist/apps/identity/migrate.js', by: DOCUMENTS },
    {
      begins: 'DATABASE_URL: a newer version',
      untested: 'an example of a line: libs/platform/migration-steps.spec.ts has its words',
    },
    {
      begins: 'log_error_verbosity',
      untested: "settings of the reader's PostgreSQL; tools/embedded-postgres.ts has the same",
    },
    { begins: 'ALTER TABLE tokens.events DETACH', by: DOCUMENTS },
    { begins: 'node dist/apps/tokens/rebuild.js', by: DOCUMENTS },
    { begins: 'NATS_URL=nats://127.0.0.1:4222', by: 'test/start-servers.spec.ts', with: 'NATS_PASSWORDS_FILE: file' },
    { begins: 'npx tokenlog guards add', by: DOCUMENTS },
    { begins: 'npx tokenlog guards remove', by: DOCUMENTS },
    { begins: 'ln -sf', by: 'tools/compose/test-compose.ts', with: "'A NATS user for a guarded service'" },
    { begins: 'docker compose stop', by: BACK_UP, with: "'Back-up of a stopped deployment'" },
    { begins: 'docker compose stop', by: BACK_UP, with: "'Its restore'" },
    { begins: 'POSTGRES=$(docker', by: BACK_UP, with: "'Back-up while it runs'" },
    { begins: 'docker compose down', by: BACK_UP, with: "'Its restore into a new volume'" },
    { begins: 'cp -a "${DATA_DIR', by: 'test/back-up.spec.ts', with: "'Back-up of the embedded data'" },
    { begins: 'if [ -e "${DATA_DIR', by: 'test/back-up.spec.ts', with: "'Restore of the embedded data'" },
  ],
  'docs/rest.md': [
    { begins: 'ETAG=$(curl', by: DOCUMENTS },
    { begins: 'KEY=$(node', by: DOCUMENTS },
    { begins: 'npx openapi-typescript', by: DOCUMENTS },
    { begins: 'import createClient', by: DOCUMENTS },
  ],
  'docs/revocation.md': [{ begins: 'sequenceDiagram', untested: 'a picture' }],
  'docs/standards.md': [
    { begins: 'curl -sS --fail-with-body -u "gateway', by: DOCUMENTS },
    { begins: '{', by: DOCUMENTS },
    { begins: 'curl -sS --fail-with-body -u "gateway', by: DOCUMENTS },
    {
      begins: 'curl -sS --fail-with-body http://localhost:3002/.well-known',
      by: 'apps/tokens/standards/oauth-metadata.spec.ts',
    },
    { begins: '{', by: 'apps/tokens/standards/oauth-metadata.spec.ts' },
    {
      begins: 'upstream tokenlog',
      untested: 'it wants nginx; apps/tokens/standards/forward-auth.spec.ts asks as it does',
    },
    { begins: ':8000 {', untested: 'it wants Caddy; the same' },
    { begins: 'http:', untested: 'it wants Traefik; the same' },
  ],
};
