import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { createServer, connect as open } from 'node:net';
import { root } from '../tools/paths.js';

interface Environment {
  setup(): Promise<void>;
  teardown(): Promise<void>;
  handleTestEvent(event: { name: string; test: { errors: Error[] } }): void;
}
const at = './support/unit-environment.mjs';
const { default: UnitEnvironment } = (await import(at)) as { default: new (...given: unknown[]) => Environment };

async function inUnitEnvironment(act: () => void): Promise<Error[]> {
  const projectConfig = { testEnvironmentOptions: {}, globals: {} };
  const environment = new UnitEnvironment(
    { globalConfig: { rootDir: root }, projectConfig },
    { testPath: `${root}/libs/some.spec.ts`, console, docblockPragmas: {} },
  );
  const errors: Error[] = [];
  await environment.setup();
  try {
    act();
  } catch {
    // As a test that swallows it would.
  } finally {
    environment.handleTestEvent({ name: 'test_fn_success', test: { errors } });
    await environment.teardown();
  }
  return errors;
}

it.each([
  ['connects a socket', () => open(1)],
  ['connects a socket', () => void get('http://127.0.0.1:1/')],
  ['listens on a socket', () => createServer().listen(0)],
  ['starts a process', () => void spawn('true')],
])('a unit spec that %s fails, though it catches the error, and is named', async (act, attempt) => {
  const errors = await inUnitEnvironment(attempt);
  expect(errors.map(({ message }) => message)).toEqual([
    `libs/some.spec.ts ${act}, and is a unit spec: nothing that it imports starts anything (tools/spec-kinds.mjs).`,
  ]);
});

it('a unit spec that starts nothing passes', async () => {
  expect(await inUnitEnvironment(() => undefined)).toEqual([]);
});

it('what a unit spec may not do, the next spec of the same worker may', async () => {
  await inUnitEnvironment(() => undefined);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  await new Promise((resolve) => server.close(resolve));
});
