import { setTimeout as delay } from 'node:timers/promises';
import { end, identify } from './processes.js';
import { type Watch, watch } from './watch.js';

/** A process under way. */
export type Running = {
  pid: number;
  /** Resolves when it does its work; rejects when it ends before. Absent: it does already. */
  ready?: Promise<void>;
  /** Resolves when it has ended, with why in a few words if known. */
  exited: Promise<string | undefined>;
  /** Asks it something that only a process which does its work answers: rejects when it does not. */
  probe?: (signal: AbortSignal) => Promise<unknown>;
  /** Ends it, asking first; each way of asking is given `graceMs`. */
  stop(graceMs?: number): Promise<void>;
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
   * Sends a signal. After one that ends it, it stays down until `start`; resolves when it has gone. Others are only sent;
   * what SIGSTOP stops is not missed until SIGCONT.
   */
  kill(signal: NodeJS.Signals): Promise<void>;
};

export type SuperviseOptions<Process extends Running> = {
  name: string;
  launch: () => Promise<Process>;
  output: (line: string) => void;
  /**
   * How long it may leave every probe unanswered, in ms; and, ended for that, a third of it for each way of asking. Default
   * 12 s.
   */
  patienceMs?: number;
};

/** Waits before it is launched again: doubled from one death to the next. In ms. */
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 30_000;
/** What has run for this long was all right: its next death is the first again. In ms. */
const STEADY_MS = 60_000;
const PATIENCE_MS = 12_000;
const ending: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT'];

/**
 * Keeps one process running: launches it again when it dies unasked, for as long as it takes, and ends it when it lives and
 * does not answer.
 */
export class Supervised<Process extends Running> implements Part {
  private process: Process | undefined;
  private watching: Watch | undefined;
  private wanted = false;
  /** Ends a wait before a launch. */
  private waiting = new AbortController();
  private deaths = 0;
  private launchedAt = 0;

  constructor(private readonly options: SuperviseOptions<Process>) {}

  get running(): Process | undefined {
    return this.process;
  }

  async start(): Promise<Process> {
    this.wanted = true;
    this.waiting = new AbortController();
    const process = await this.launch();
    try {
      await process.ready;
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.deaths = 0;
    this.keep(process);
    return process;
  }

  async stop(): Promise<void> {
    this.letGo();
    await this.process?.stop();
    this.process = undefined;
  }

  async force(): Promise<void> {
    this.letGo();
    const identity = this.process && identify(this.process.pid);
    if (identity) await end([identity], [], 2_000);
    this.process = undefined;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const process = this.process;
    if (!process) return;
    if (ending.includes(signal)) this.letGo();
    if (signal === 'SIGSTOP') this.watching?.pause();
    globalThis.process.kill(process.pid, signal);
    if (signal === 'SIGCONT') this.watching?.resume();
    if (!ending.includes(signal)) return;
    await process.exited;
    this.process = undefined;
  }

  private letGo(): void {
    this.wanted = false;
    this.waiting.abort();
    this.watching?.stop();
  }

  private async launch(): Promise<Process> {
    const process = await this.options.launch();
    this.process = process;
    this.launchedAt = performance.now();
    if (this.wanted) return process;
    await this.stop();
    throw new Error(`${this.options.name} was stopped while it started.`);
  }

  private keep(process: Process): void {
    const { patienceMs = PATIENCE_MS } = this.options;
    const watching = process.probe && watch(process.probe, patienceMs);
    this.watching = watching;
    let unanswered: string | undefined;
    void watching?.unanswered.then((why) => {
      unanswered = why;
      // What does not answer does not end in order either, as a rule.
      return process.stop(patienceMs / 3);
    });
    void process.exited.then((reason) => {
      watching?.stop();
      if (!this.wanted || this.process !== process) return;
      this.process = undefined;
      return this.relaunch(unanswered ?? `ended unexpectedly (${reason ?? 'see its log'})`);
    });
  }

  /** Unlike `start` it does not wait until it is ready: that may take as long as what it depends on is away. */
  private async relaunch(reason: string): Promise<void> {
    const { name, output } = this.options;
    const { signal } = this.waiting;
    if (performance.now() - this.launchedAt > STEADY_MS) this.deaths = 0;
    const wait = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.deaths++);
    output(`${name} ${reason}; starting it again${wait < 1_000 ? '' : ` in ${Math.round(wait / 1_000)} s`}.`);
    await delay(wait, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      this.launchedAt = performance.now();
      this.keep(await this.launch());
    } catch (error) {
      if (this.wanted && !signal.aborted) await this.relaunch(`does not start (${(error as Error).message})`);
    }
  }
}
