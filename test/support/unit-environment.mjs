import { createRequire } from 'node:module';
import { relative } from 'node:path';
import { TestEnvironment } from 'jest-environment-node';

// Not by import: a module's namespace cannot be changed.
const require = createRequire(import.meta.url);
const childProcess = require('node:child_process');
const dgram = require('node:dgram');
const net = require('node:net');

const STARTING = [
  [net.Socket.prototype, 'connect', 'connects a socket'],
  [net.Server.prototype, 'listen', 'listens on a socket'],
  [dgram.Socket.prototype, 'bind', 'binds a socket'],
  [dgram.Socket.prototype, 'send', 'sends by a socket'],
  [childProcess.ChildProcess.prototype, 'spawn', 'starts a process'],
  [childProcess, 'spawnSync', 'starts a process'],
  [childProcess, 'execFileSync', 'starts a process'],
  [childProcess, 'execSync', 'starts a process'],
];

/** Where unit specs run: what opens a socket or starts a process is refused, and the test of it fails, though it is caught. */
export default class UnitEnvironment extends TestEnvironment {
  #file;
  #refused = [];
  #restore = [];

  constructor(config, context) {
    super(config, context);
    this.#file = relative(config.globalConfig.rootDir, context.testPath);
  }

  async setup() {
    await super.setup();
    for (const [owner, name, act] of STARTING) {
      const original = owner[name];
      owner[name] = () => {
        const error = new Error(
          `${this.#file} ${act}, and is a unit spec: nothing that it imports starts anything (tools/spec-kinds.mjs).`,
        );
        this.#refused.push(error);
        throw error;
      };
      this.#restore.push(() => {
        owner[name] = original;
      });
    }
  }

  // The worker's next spec may be one that starts things.
  async teardown() {
    for (const restore of this.#restore.splice(0)) restore();
    await super.teardown();
  }

  /** Called by Jest with each step of a test. */
  handleTestEvent(event) {
    if (event.name === 'test_fn_success') event.test.errors.push(...this.#refused.splice(0));
  }
}
