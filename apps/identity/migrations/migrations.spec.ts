import { readdirSync } from 'node:fs';
import { digestsOf } from '../../../test/support/migrations.js';
import { migrations } from './migrations.js';

/** A step that is added has its line here from the version on that releases it. */
const RELEASED = [
  '0001-users-and-log 99ef25740a91646b',
  '0002-external-identities 65ddbd3287baa37a',
  '0003-mailed-events 3548f1490a7143b8',
  '0004-places f622ec2ab7f87321',
  '0005-login-addresses ea88f1bee770293a',
  '0006-numbers 2fe93410605c11bc',
  '0007-folded-usernames d380839920131b17',
];

it('a released step runs what it ran when it was released, under the name that databases remember, in its place', () => {
  expect(digestsOf(migrations).slice(0, RELEASED.length)).toEqual(RELEASED);
});

it('every file of the folder is a step of the list, and has its name', () => {
  const files = readdirSync(import.meta.dirname).filter((file) => /^\d/.test(file));
  expect(files.sort()).toEqual(migrations.map(({ name }) => `${name}.ts`).sort());
});
