import type { Pool, PoolClient } from 'pg';
import { type Append, append } from './append.js';
import { type Aggregate, ConcurrencyError, type Metadata, type NewEvent, type RecordedEvent } from './event.js';
import { type Head, type Loaded, load } from './read.js';
import type { Sql } from './sql.js';

/** A table kept by folding the log. Written so that it can be emptied and filled again. */
export interface Projection {
  readonly name: string;
  /** The tables it alone writes. */
  readonly tables: readonly string[];
  /** Applies events, in order. Table names are unqualified: `rebuild` runs the same statements on shadow tables. */
  readonly project: (sql: Sql, events: readonly RecordedEvent[]) => Promise<void>;
}

/** What a unit of work may do: read aggregates, append to them, and run SQL, all in one transaction. */
export interface Work {
  readonly sql: Sql;
  load<State, Event extends NewEvent>(aggregate: Aggregate<State, Event>, id: string): Promise<State>;
  loadAll<State, Event extends NewEvent>(
    aggregate: Aggregate<State, Event>,
    ids: readonly string[],
  ): Promise<Map<string, State>>;
  /** Where an aggregate's stream ended when it was loaded: what is appended is appended there, or not at all. */
  headOf<State, Event extends NewEvent>(aggregate: Aggregate<State, Event>, id: string): Head;
  /**
   * Appends at the version at which the aggregate was loaded. Written, and projected, when the work returns. `entity` is
   * whose history the events stand in, where it is not the aggregate itself.
   */
  append<State, Event extends NewEvent>(
    aggregate: Aggregate<State, Event>,
    id: string,
    events: readonly Event[],
    metadata: Metadata,
    entity?: string,
  ): void;
}

/** Streams that a unit of work appended to, or found nothing to append to, and that were there before. */
export type Touched = readonly { readonly stream: string; readonly id: string }[];

const MAX_ATTEMPTS = 10;
const SERIALIZATION_FAILURE = '40001';
const DEADLOCK = '40P01';

/** The log of one service, with the projections that are kept in the transaction of each append. */
export class EventStore {
  private readonly listeners = new Set<() => void>();

  constructor(
    readonly pool: Pool,
    private readonly inline: readonly Projection[] = [],
    /** Awaited after each commit, before the work has answered. */
    private readonly committed: (touched: Touched) => Promise<void> = async () => undefined,
  ) {}

  /**
   * Runs a unit of work in one transaction: read, decide, append, project, commit. A race that is lost is run again,
   * so the work must be repeatable: nothing in it may reach outside the transaction.
   * @param answer makes the result of what the work returned, in the same transaction, once its events are projected: what it
   *   reads is what the work has made of it, and what it writes stands if the events do
   * @throws ConcurrencyError when ten attempts in a row lost
   */
  async transact<Result>(work: (work: Work) => Promise<Result>): Promise<Result>;
  async transact<Done, Result>(
    work: (work: Work) => Promise<Done>,
    answer: (sql: Sql, done: Done) => Promise<Result>,
  ): Promise<Result>;
  async transact(
    work: (work: Work) => Promise<unknown>,
    answer: (sql: Sql, done: unknown) => Promise<unknown> = async (_sql, done) => done,
  ): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.pool.connect();
      const unit = new UnitOfWork(client);
      let result: unknown;
      try {
        result = await this.attempt(client, unit, work, answer);
      } catch (error) {
        if (!isLostRace(error) || attempt === MAX_ATTEMPTS) throw error;
        continue;
      } finally {
        client.release();
      }
      try {
        if (unit.touched.length > 0) await this.committed(unit.touched);
      } finally {
        // Last: the listeners find it by polling too, and what they do would delay whoever waits for this answer.
        if (unit.appends.some(({ events }) => events.length > 0)) this.appended();
      }
      return result;
    }
  }

  /** Calls back after every append of this process; the log of others is found by polling. */
  onAppended(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the listeners that something was appended by a statement of the caller's own. */
  appended(): void {
    for (const listener of this.listeners) listener();
  }

  private async attempt(
    client: PoolClient,
    unit: UnitOfWork,
    work: (work: Work) => Promise<unknown>,
    answer: (sql: Sql, done: unknown) => Promise<unknown>,
  ): Promise<unknown> {
    await client.query('BEGIN');
    try {
      const done = await work(unit);
      const recorded = await append(client, unit.appends);
      if (recorded.length > 0) {
        for (const projection of this.inline) await projection.project(client, recorded);
      }
      const result = await answer(client, done);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    }
  }
}

class UnitOfWork implements Work {
  private readonly heads = new Map<string, Head>();
  private readonly versions = new Map<string, number>();
  readonly appends: Append[] = [];
  readonly touched: { stream: string; id: string }[] = [];

  constructor(readonly sql: Sql) {}

  async load<State, Event extends NewEvent>(aggregate: Aggregate<State, Event>, id: string): Promise<State> {
    const loaded = await this.loadAll(aggregate, [id]);
    return loaded.get(id) as State;
  }

  async loadAll<State, Event extends NewEvent>(aggregate: Aggregate<State, Event>, ids: readonly string[]) {
    const loaded: Map<string, Loaded<State>> = await load(this.sql, aggregate, ids);
    for (const [id, { head }] of loaded) {
      this.heads.set(aggregate.stream(id), head);
      this.versions.set(aggregate.stream(id), head.version);
    }
    return new Map([...loaded].map(([id, { state }]) => [id, state]));
  }

  headOf<State, Event extends NewEvent>(aggregate: Aggregate<State, Event>, id: string): Head {
    const head = this.heads.get(aggregate.stream(id));
    if (!head) throw new Error(`${aggregate.stream(id)} was not loaded`);
    return head;
  }

  append<State, Event extends NewEvent>(
    aggregate: Aggregate<State, Event>,
    id: string,
    events: readonly Event[],
    metadata: Metadata,
    entity = id,
  ): void {
    const stream = aggregate.stream(id);
    const expectedVersion = this.versions.get(stream);
    if (expectedVersion === undefined) throw new Error(`${stream} is appended to before it was loaded`);
    if (expectedVersion > 0) this.touched.push({ stream, id });
    this.appends.push({ stream, entity, expectedVersion, events, metadata });
    this.versions.set(stream, expectedVersion + events.length);
  }
}

function isLostRace(error: unknown): boolean {
  const { code } = error as { code?: string };
  return error instanceof ConcurrencyError || code === SERIALIZATION_FAILURE || code === DEADLOCK;
}
