import { setTimeout as delay } from 'node:timers/promises';
import { end, identify } from './processes.js';

/** A process under way. */
export type Running = {
  pid: number;
  /** Resolves when it does its work; rejects when it ends before. Absent: it does already. */
  ready?: Promise<void>;
  /** Resolves when it has ended, with why in a few words if known. */
  exited: Promise<string | undefined>;
  stop(): Promise<void>;
};

/** A process that is kept running. */
export type Part = {
  readonly running: Running | undefined;
  /** Launches it; resolves when it is ready. @throws what the launch throws; nothing is left running */
  start(): Promise<Running>;
  /** Ends it and leaves it ended. */
  stop(): Promise<void>;
  /** Ends it without asking it first, and leaves it ended. */
  force(): Promise<void>;
  /**
   * Sends a signal. After one that ends it, it stays down until `start`; resolves when it has gone. Others, such as
   * SIGSTOP, are only sent.
   */
  kill(signal: NodeJS.Signals): Promise<void>;
};

export type SuperviseOptions<Process extends Running> = {
  name: string;
  launch: () => Promise<Process>;
  output: (line: string) => void;
  /** It died `DEATHS` times within a minute. */
  onGiveUp: (line: string) => void;
};

const DEATHS = 5;
const DEATHS_WITHIN_MS = 60_000;
const RELAUNCH_DELAY_MS = 250;
const ending: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT'];

/** Keeps one process running: launches it again when it dies unasked, and gives up when it keeps dying. */
export class Supervised<Process extends Running> implements Part {
  private process: Process | undefined;
  private wanted = false;
  private deaths: number[] = [];

  constructor(private readonly options: SuperviseOptions<Process>) {}

  get running(): Process | undefined {
    return this.process;
  }

  async start(): Promise<Process> {
    this.wanted = true;
    const process = await this.launch();
    try {
      await process.ready;
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.watch(process);
    return process;
  }

  async stop(): Promise<void> {
    this.wanted = false;
    await this.process?.stop();
    this.process = undefined;
  }

  async force(): Promise<void> {
    this.wanted = false;
    const identity = this.process && identify(this.process.pid);
    if (identity) await end([identity], [], 2_000);
    this.process = undefined;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const process = this.process;
    if (!process) return;
    if (ending.includes(signal)) this.wanted = false;
    globalThis.process.kill(process.pid, signal);
    if (!ending.includes(signal)) return;
    await process.exited;
    this.process = undefined;
  }

  private async launch(): Promise<Process> {
    const process = await this.options.launch();
    this.process = process;
    if (this.wanted) return process;
    await this.stop();
    throw new Error(`${this.options.name} was stopped while it started.`);
  }

  private watch(process: Process): void {
    void process.exited.then((reason) => {
      if (!this.wanted || this.process !== process) return;
      this.process = undefined;
      return this.relaunch(reason ?? 'see its log');
    });
  }

  /** Unlike `start` it does not wait until it is ready: that may take as long as what it depends on is away. */
  private async relaunch(reason: string): Promise<void> {
    const { name, output, onGiveUp } = this.options;
    const now = performance.now();
    this.deaths = [...this.deaths.filter((at) => now - at < DEATHS_WITHIN_MS), now];
    if (this.deaths.length >= DEATHS) {
      this.wanted = false;
      onGiveUp(`${name} ended ${DEATHS} times within a minute (${reason}); giving up.`);
      return;
    }
    output(`${name} ended unexpectedly (${reason}); starting it again.`);
    await delay(RELAUNCH_DELAY_MS);
    if (!this.wanted) return;
    try {
      this.watch(await this.launch());
    } catch (error) {
      if (this.wanted) await this.relaunch((error as Error).message);
    }
  }
}
