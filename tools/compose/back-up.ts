import { ok, strictEqual } from 'node:assert/strict';
import { httpClient } from '../tour/client.js';
import { paste } from './documented.js';
import type { ComposeProject } from './project.js';

const silent = { step: () => undefined, call: () => undefined };

/**
 * Backs up by the commands of docs/operations.md, goes on, restores by them, and goes on from there.
 * @param kept the secret of a token that is there before the back-up
 */
export async function backUpAndRestore(project: ComposeProject, password: string, kept: string): Promise<void> {
  const identity = httpClient('identity', project.url('identity'), silent);
  const example = httpClient('example-api', project.url('example'), silent);
  const register = async (username: string) => {
    const { body } = await identity('POST', '/login', { json: { username: 'admin', password } });
    const as = body.session.credential as string;
    return (await identity('POST', '/users', { as, json: { username, password, mustChangePassword: false } })).status;
  };
  const logsIn = async (username: string) =>
    (await identity('POST', '/login', { json: { username, password } })).status === 200;

  strictEqual(await register('before-the-back-up'), 201);
  const ways = [{ backUp: 'Back-up of a stopped deployment', restore: 'Its restore' }];
  // The tools of an older PostgreSQL refuse a newer server.
  const tools = await project.exec('postgres', 'sh', '-c', 'pg_dump --version');
  if (Number(/(\d+)\.\d/.exec(tools)?.[1]) >= 18)
    ways.push({ backUp: 'Back-up while it runs', restore: 'Its restore into a new volume' });
  else console.log(`   pg_dump and pg_basebackup are not tried: the image has ${tools.trim()}`);
  for (const [index, { backUp, restore }] of ways.entries()) {
    await paste(project, backUp);
    await project.ready();
    strictEqual(await register(`after-it-${index}`), 201);
    await paste(project, restore);
    await project.ready();
    ok(await logsIn('before-the-back-up'), 'who was there before the back-up is there');
    ok(!(await logsIn(`after-it-${index}`)), 'who came after it is not');
    strictEqual((await example('GET', '/', { as: kept })).status, 200);
    strictEqual(await register(`after-the-restore-${index}`), 201);
    ok(await logsIn(`after-the-restore-${index}`));
  }
}
