import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { documentedCommands } from '../tools/compose/documented.js';
import { testFolder } from './support/folder.js';
import { expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

const run = promisify(execFile);

describe('the embedded data, backed up and restored by the commands of docs/operations.md', () => {
  it('is as it was at the back-up, and goes on from there', async () => {
    const folder = await testFolder('back-up');
    const dataDir = join(folder, 'data');
    const paste = async (title: string) =>
      run('sh', ['-ec', await documentedCommands(title)], { cwd: folder, env: { ...process.env, DATA_DIR: dataDir } });

    let whole = await WholeSystem.startIn(dataDir);
    const ada = await whole.register('ada');
    const { secret, token } = await whole.issue(ada.id);
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    await whole.stop();
    await paste('Back-up of the embedded data');

    whole = await WholeSystem.startIn(dataDir);
    const bob = await whole.register('bob');
    const bobs = await whole.issue(bob.id);
    expectStatus(await whole.identity('DELETE', `/users/${ada.id}`, { as: whole.admin }), 204);
    expectStatus(await whole.example('GET', '/', { as: secret }), 401);
    await whole.stop();
    await paste('Restore of the embedded data');

    whole = await WholeSystem.startIn(dataDir);
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    expectStatus(await whole.example('GET', '/', { as: bobs.secret }), 401);
    await whole.logIn('ada', PASSWORD);
    await expect(whole.logIn('bob', PASSWORD)).rejects.toThrow();
    const view = expectStatus(await whole.tokens('GET', `/admin/tokens/${token.id}`, { as: whole.admin }), 200);
    expect(view.body.token).toMatchObject({ user: 'ada', state: 'active', useCount: 2 });
    const carl = await whole.register('carl');
    const carls = await whole.issue(carl.id);
    expectStatus(await whole.example('GET', '/', { as: carls.secret }), 200);
    expectStatus(await whole.identity('DELETE', `/users/${ada.id}`, { as: whole.admin }), 204);
    expectStatus(await whole.example('GET', '/', { as: secret }), 401);
    await whole.stop();
  });
});
