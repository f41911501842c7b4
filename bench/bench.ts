import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { Stage, type StageOptions } from './stage.js';

/** How much of everything a run measures. */
export interface Pace {
  readonly rounds: number;
  /** How long one measurement lasts. */
  readonly milliseconds: number;
  /** How many tokens, and users to own them, the cases find in the database. */
  readonly tokens: number;
  readonly users: number;
}

/** What the cases of one run share. */
export class Bench {
  private shared: Promise<Stage> | undefined;

  constructor(
    /** For data that goes with the run; on a disk. */
    private readonly folder: string,
    readonly pace: Pace,
    readonly signal: AbortSignal,
    readonly progress: (line: string) => void,
  ) {}

  /** The whole system with `pace.tokens` tokens in it, started when the first case asks for it. It ends with the run. */
  stage(): Promise<Stage> {
    this.shared ??= this.setStage({ tokens: this.pace.tokens, users: this.pace.users });
    return this.shared;
  }

  /** A system of a case's own, which the case ends. */
  async setStage(options: Pick<StageOptions, 'tokens' | 'users' | 'settings'>): Promise<Stage> {
    this.signal.throwIfAborted();
    return Stage.set({ dataDir: await this.makeFolder(), ...options, signal: this.signal, progress: this.progress });
  }

  /** A new folder that is removed at the end of the run. */
  makeFolder(): Promise<string> {
    return mkdtemp(join(this.folder, 'data-'));
  }

  async end(): Promise<void> {
    const stage = await this.shared?.catch(() => undefined);
    await stage?.end();
  }
}
