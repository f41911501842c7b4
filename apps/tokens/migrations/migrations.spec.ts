import { readdirSync } from 'node:fs';
import { digestsOf } from '../../../test/support/migrations.js';
import { migrations } from './migrations.js';

/** A step that is added has its line here from the version on that releases it. */
const RELEASED = [
  '2026-11-01-log ea7a74971b5a37f5',
  '2026-11-02-users 73ec41423b6ef078',
  '2026-11-03-secrets 2379b9c60a802956',
  '2026-11-04-token-table 8b70ade6ad5c7f57',
  '2026-11-05-session-table 973615653d834677',
  '2026-11-06-static-keys 8f2123a74e8d7b1b',
  '2026-11-07-expiries e16dd8cbffb13ef7',
  '2026-11-08-guard-leases 8e3fc4276bd1fd35',
  '2026-11-09-sessions-of-secrets 8aa77f7701745895',
  '2026-11-10-places a7a600fad7b7f952',
  '2026-11-25-secret-graces 6f974a1d57205710',
  '2026-11-26-numbers b6cf24d1a806951b',
  '2026-11-26-guard-names d95612782df3ee67',
  '2026-11-26-pepper-holders 8af375151f088b29',
  '2026-11-26-static-key-fingerprints 81022020281fbbdb',
  '2026-11-27-folded-usernames da8a543edaa55dc5',
  '2026-11-30-kept-answers 2ba7db40f2d1c3f3',
];

it('a released step runs what it ran when it was released, under the name that databases remember, in its place', () => {
  expect(digestsOf(migrations).slice(0, RELEASED.length)).toEqual(RELEASED);
});

it('every file of the folder is a step of the list, and has its name', () => {
  const files = readdirSync(import.meta.dirname).filter((file) => /^\d/.test(file));
  expect(files.sort()).toEqual(migrations.map(({ name }) => `${name}.ts`).sort());
});
